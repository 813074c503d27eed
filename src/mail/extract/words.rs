//! The words that mails say a code or a link with, in the languages in which we have seen them.

/// What a word says of the number beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// It is a code.
    Code,
    /// It is something else: an order, a phone, a discount.
    Other,
}

/// Words for a code, lower case. A word also counts if it ends in one of [`CODE_ENDINGS`].
const CODE: &[&str] = &[
    // English
    "otp",
    "pin",
    "passcode",
    "verification",
    "2fa",
    "tan",
    "mtan",
    "verify",
    // German, Dutch
    "bestätigung",
    "verifizierung",
    "einmalpasswort",
    "einmalkennwort",
    "verificatie",
    "pincode",
    // French, Spanish, Portuguese, Italian, Romanian, Catalan
    "vérification",
    "verificación",
    "verificação",
    "verifica",
    "código",
    "codigo",
    "clave",
    "códigos",
    "codi",
    "codice",
    "cod",
    "codul",
    "codul",
    "senha",
    "cifre",
    // Polish, Czech, Slovak, Hungarian, Slovene, Croatian, Turkish, Indonesian, Vietnamese
    "kod",
    "kodu",
    "kodem",
    "kodunuz",
    "kodun",
    "kodunu",
    "kód",
    "kódja",
    "kódot",
    "koda",
    "koda",
    "doğrulama",
    "weryfikacyjny",
    "ověřovací",
    "overovací",
    "potvrzovací",
    "şifre",
    "şifreniz",
    "mã",
    "sandi",
    // Swedish, Danish, Norwegian, Finnish
    "koden",
    "koder",
    "koodi",
    "koodin",
    "koodisi",
    // Russian, Ukrainian, Bulgarian, Greek
    "код",
    "кода",
    "коду",
    "кодом",
    "кодът",
    "пароль",
    "κωδικός",
    "κωδικό",
];

/// Endings of compound words for a code.
const CODE_ENDINGS: &[&str] =
    &["code", "codes", "kode", "koden", "koodi", "passwort", "code's", "kennwort"];

/// Words for a code in scripts that put no blanks between words, or endings to them.
const CODE_PARTS: &[&str] = &[
    // Japanese, Chinese, Korean
    "コード",
    "認証",
    "暗証番号",
    "ワンタイム",
    "パスワード",
    "验证码",
    "驗證碼",
    "校验码",
    "動態密碼",
    "动态密码",
    "确认码",
    "確認碼",
    "인증번호",
    "인증",
    "코드",
    "확인번호",
    // Thai, Hindi, Arabic, Hebrew
    "รหัส",
    "कोड",
    "ओटीपी",
    "رمز",
    "קוד",
];

/// Words for other things that have numbers, lower case.
const OTHER: &[&str] = &[
    // English
    "order",
    "orders",
    "invoice",
    "receipt",
    "ticket",
    "reference",
    "ref",
    "tracking",
    "shipment",
    "parcel",
    "account",
    "customer",
    "member",
    "membership",
    "phone",
    "tel",
    "telephone",
    "call",
    "mobile",
    "fax",
    "hotline",
    "booking",
    "reservation",
    "flight",
    "zip",
    "postcode",
    "po",
    "box",
    "room",
    "suite",
    "article",
    "item",
    "sku",
    "serial",
    "total",
    "amount",
    "case",
    "build",
    "version",
    "issue",
    "policy",
    "contract",
    "promo",
    "coupon",
    "voucher",
    "discount",
    "vat",
    "iban",
    // German
    "bestellung",
    "bestellnummer",
    "rechnung",
    "rechnungsnummer",
    "kundennummer",
    "auftrag",
    "sendungsnummer",
    "telefon",
    "gutscheincode",
    "rabattcode",
    "aktionscode",
    "vorgangsnummer",
    "gutschein",
    "plz",
    "postleitzahl",
    "vertragsnummer",
    // French, Spanish, Portuguese, Italian, Dutch
    "commande",
    "facture",
    "téléphone",
    "remise",
    "pedido",
    "factura",
    "teléfono",
    "descuento",
    "fatura",
    "encomenda",
    "telefone",
    "desconto",
    "ordine",
    "fattura",
    "telefono",
    "sconto",
    "bestelling",
    "factuur",
    "kortingscode",
    // Polish, Czech, Turkish, Russian, Scandinavian
    "zamówienie",
    "zamówienia",
    "objednávka",
    "sipariş",
    "заказ",
    "заказа",
    "счёт",
    "beställning",
];

/// The same where no blanks stand between words.
const OTHER_PARTS: &[&str] = &["注文番号", "注文", "订单", "訂單", "電話", "电话", "주문", "전화"];

/// Beside `code` these make it another kind of code.
const NO_CODE: &[&str] = &[
    "promo",
    "promotion",
    "promotional",
    "promotionnel",
    "promocional",
    "discount",
    "coupon",
    "voucher",
    "referral",
    "gift",
    "zip",
    "postal",
    "post",
    "country",
    "area",
    "dress",
    "source",
    "error",
    "tracking",
    "bar",
    "qr",
    "booking",
    "product",
    "order",
    "status",
    "sort",
    "swift",
    "dial",
    "currency",
    "offer",
    "invite",
    "campaign",
    "exit",
    "response",
    "http",
    "rabatt",
    "descuento",
    "desconto",
    "sconto",
    "rabatowy",
    "rabattkode",
    "erreur",
    "réduction",
    "remise",
    "indirim",
    "postleitzahl",
];

/// A password is a code if it is one of [`ONCE`].
const PASSWORD: &[&str] = &[
    "password",
    "passe",
    "contraseña",
    "wachtwoord",
    "hasło",
    "heslo",
    "lösenord",
    "parola",
    "palavra",
];
const ONCE: &[&str] = &[
    "time",
    "temporary",
    "single",
    "unique",
    "temporaire",
    "solo",
    "temporal",
    "eenmalig",
    "jednorazowe",
    "jednorázové",
    "tillfälligt",
    "única",
];

/// Units: what a number counts.
const UNITS: &[&str] = &[
    "minutes",
    "minute",
    "min",
    "hours",
    "hour",
    "days",
    "day",
    "seconds",
    "points",
    "items",
    "people",
    "users",
    "members",
    "credits",
    "miles",
    "km",
    "kg",
    "mb",
    "gb",
    "steps",
    "stunden",
    "minuten",
    "tage",
    "punkte",
    "heures",
    "jours",
    "horas",
    "días",
    "dias",
    "giorni",
    "usd",
    "eur",
    "gbp",
    "chf",
    "euro",
    "euros",
    "dollars",
    "pln",
    "kr",
    "customers",
];

/// Months, lower case and in full or cut to their first letters.
const MONTHS: &[&str] = &[
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "januar",
    "februar",
    "märz",
    "mai",
    "juni",
    "juli",
    "oktober",
    "dezember",
    "janvier",
    "février",
    "mars",
    "avril",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "enero",
    "marzo",
    "gennaio",
];

/// What only the end of a mail says.
const FOOTER: &[&str] = &[
    "unsubscribe",
    "©",
    "(c) 20",
    "all rights reserved",
    "privacy policy",
    "this email was sent to",
    "you are receiving this",
    "you received this",
    "why did i get this",
    "manage preferences",
    "email preferences",
    "view in browser",
    "registered office",
    "company number",
    "abmelden",
    "abbestellen",
    "impressum",
    "alle rechte vorbehalten",
    "datenschutz",
    "se désabonner",
    "désinscrire",
    "darse de baja",
    "cancelar suscripción",
    "disiscriviti",
    "отписаться",
    "配信停止",
];

/// What a sentence or a line says of the numbers beside it: words with their labels, in order.
pub(super) fn labels(text: &str) -> Vec<Option<Label>> {
    let words: Vec<String> = words(text);
    let near = |at: usize, far: usize| {
        let from = at.saturating_sub(far);
        words.get(from..(at + far + 1).min(words.len())).unwrap_or_default()
    };
    words
        .iter()
        .enumerate()
        .map(|(at, word)| {
            if OTHER.contains(&word.as_str()) || OTHER_PARTS.iter().any(|part| word.contains(part))
            {
                return Some(Label::Other);
            }
            let once = PASSWORD.contains(&word.as_str())
                && near(at, 4).iter().any(|word| ONCE.contains(&word.as_str()));
            if !once && !is_code(word) {
                return None;
            }
            let other = near(at, 2).iter().any(|word| NO_CODE.contains(&word.as_str()));
            Some(if other { Label::Other } else { Label::Code })
        })
        .collect()
}

/// Whether a text speaks of a code.
pub(super) fn speaks_of_code(text: &str) -> bool {
    labels(text).contains(&Some(Label::Code))
}

fn is_code(word: &str) -> bool {
    CODE.contains(&word)
        || CODE_ENDINGS.iter().any(|ending| word.ends_with(ending))
        || !word.is_ascii() && CODE_PARTS.iter().any(|part| word.contains(part))
}

/// The words of a text, lower case. A number is a word too.
pub(super) fn words(text: &str) -> Vec<String> {
    let is_part = |char: char| char.is_alphanumeric() || char == '\'' || is_mark(char);
    text.split(|char| !is_part(char))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Vowel signs, which are no letters and yet stand in words.
fn is_mark(char: char) -> bool {
    matches!(char, '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}')
}

/// Whether a number before this word is counted by it.
pub(super) fn is_unit(word: &str) -> bool {
    UNITS.contains(&word)
}

/// Whether this is a month.
pub(super) fn is_month(word: &str) -> bool {
    MONTHS.contains(&word)
}

/// Whether only the end of a mail says this.
pub(super) fn is_footer(line: &str) -> bool {
    let line = line.to_lowercase();
    FOOTER.iter().any(|mark| line.contains(mark)) || line == "--"
}

/// From the last end of a sentence on.
pub(super) fn sentence_before(text: &str) -> &str {
    let ends = [". ", "! ", "? ", "; ", "。", "！"];
    let start = ends.iter().filter_map(|end| text.rfind(end).map(|at| at + end.len())).max();
    start.and_then(|start| text.get(start..)).unwrap_or(text)
}

/// Up to the next end of a sentence.
pub(super) fn sentence_after(text: &str) -> &str {
    let ends = [". ", "! ", "? ", "; ", "。", "！"];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}
