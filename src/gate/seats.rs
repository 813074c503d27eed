//! Who is let in and who is here: one-use tokens, seats with two secrets each, and presence (pure).
//!
//! Only digests of secrets are kept, so that looking one up tells nothing about it by its duration.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::decide::lease::{Person, Seat, Time};

/// Viewers of one browser.
pub(super) const VIEWERS: usize = 16;
/// Pages beat every 15 s; three lost beats, and the viewer is gone.
const PRESENCE: Duration = Duration::from_secs(45);
/// Seats that nobody sits on are remembered for their return, up to this number.
const REMEMBERED: usize = 256;

type Digest = [u8; 32];

fn digest(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

/// Tokens, seats and people.
#[derive(Default)]
pub(super) struct Seats {
    tokens: HashMap<Digest, Arc<str>>,
    entries: BTreeMap<Seat, Entry>,
    people: Vec<Arc<str>>,
    last: u32,
}

struct Entry {
    person: Person,
    secret: Digest,
    cookie: Digest,
    /// The last sign of life; `None` once the page said that it goes.
    seen: Option<Time>,
    ignored: bool,
}

/// What the next gate has to know of seats: no secret, but what tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    seats: BTreeMap<Seat, KeptSeat>,
    people: Vec<String>,
    last: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptSeat {
    person: Person,
    secret: Digest,
    cookie: Digest,
    present: bool,
}

/// What a person who enters gets.
#[derive(Clone)]
pub(super) struct Secrets {
    pub(super) secret: String,
    pub(super) cookie: String,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Wrong, or used before.
    Token,
    /// No seat, or not with these secrets.
    Seat,
    /// As many as may watch are watching.
    Full,
}

impl Seats {
    /// What is kept over a restart.
    pub(super) fn kept(&self) -> Kept {
        let seats = self.entries.iter().map(|(seat, entry)| {
            let &Entry { person, secret, cookie, seen, ignored: _ } = entry;
            (*seat, KeptSeat { person, secret, cookie, present: seen.is_some() })
        });
        Kept {
            seats: seats.collect(),
            people: self.people.iter().map(ToString::to_string).collect(),
            last: self.last,
        }
    }

    /// The same seats after a restart. Whoever was here has as long as ever to give a sign of life.
    pub(super) fn restored(kept: Kept, now: Time) -> Self {
        let Kept { seats, people, last } = kept;
        let entries = seats.into_iter().map(|(seat, kept)| {
            let KeptSeat { person, secret, cookie, present } = kept;
            let seen = present.then_some(now);
            (seat, Entry { person, secret, cookie, seen, ignored: false })
        });
        Self {
            tokens: HashMap::new(),
            entries: entries.collect(),
            people: people.into_iter().map(Into::into).collect(),
            last,
        }
    }

    /// A token that lets one page of `name` in.
    pub(super) fn issue(&mut self, token: &str, name: Arc<str>) {
        self.tokens.insert(digest(token), name);
    }

    /// Uses a token up.
    pub(super) fn enter(
        &mut self,
        token: &str,
        secrets: &Secrets,
        now: Time,
    ) -> Result<Seat, Refused> {
        let key = digest(token);
        if !self.tokens.contains_key(&key) {
            return Err(Refused::Token);
        }
        // A full house does not use the token up.
        if self.is_full(now) {
            return Err(Refused::Full);
        }
        let name = self.tokens.remove(&key).ok_or(Refused::Token)?;
        self.admit(name, secrets, now)
    }

    /// Whether nobody else may watch.
    pub(super) fn is_full(&self, now: Time) -> bool {
        self.present(now).count() >= VIEWERS
    }

    /// A seat that stands for a page that is not there yet: nobody can come in on it.
    pub(super) fn reserve(&mut self) -> Seat {
        self.last += 1;
        Seat(self.last)
    }

    /// A new seat for somebody whose right was looked at.
    pub(super) fn admit(
        &mut self,
        name: Arc<str>,
        secrets: &Secrets,
        now: Time,
    ) -> Result<Seat, Refused> {
        if self.is_full(now) {
            return Err(Refused::Full);
        }
        let person = self.person(name);
        let seat = self.reserve();
        let entry = Entry {
            person,
            secret: digest(&secrets.secret),
            cookie: digest(&secrets.cookie),
            seen: Some(now),
            ignored: false,
        };
        self.entries.insert(seat, entry);
        if self.entries.len() > REMEMBERED {
            let absent = self.entries.iter().find(|(_, entry)| !entry.is_present(now));
            if let Some(oldest) = absent.map(|(seat, _)| *seat) {
                self.entries.remove(&oldest);
            }
        }
        Ok(seat)
    }

    /// The seat is no more.
    pub(super) fn remove(&mut self, seat: Seat) {
        self.entries.remove(&seat);
    }

    /// Who is called so.
    pub(super) fn person(&mut self, name: Arc<str>) -> Person {
        let known = self.people.iter().position(|other| *other == name);
        let place = known.unwrap_or_else(|| {
            self.people.push(name);
            self.people.len() - 1
        });
        Person(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The seat with this secret takes its place again.
    pub(super) fn come_back(&mut self, seat: Seat, secret: &str, now: Time) -> Result<(), Refused> {
        self.check_secret(seat, secret)?;
        let others = self.present(now).filter(|other| *other != seat).count();
        if others >= VIEWERS {
            return Err(Refused::Full);
        }
        self.beat(seat, now);
        Ok(())
    }

    /// Whether this is the seat's secret.
    pub(super) fn check_secret(&self, seat: Seat, secret: &str) -> Result<(), Refused> {
        let entry = self.entries.get(&seat).ok_or(Refused::Seat)?;
        if entry.secret == digest(secret) { Ok(()) } else { Err(Refused::Seat) }
    }

    /// Whether this is the seat's cookie.
    pub(super) fn check_cookie(&self, seat: Seat, cookie: &str) -> Result<(), Refused> {
        let entry = self.entries.get(&seat).ok_or(Refused::Seat)?;
        if entry.cookie == digest(cookie) { Ok(()) } else { Err(Refused::Seat) }
    }

    /// A new cookie for a seat that came back: its old one may be lost.
    pub(super) fn set_cookie(&mut self, seat: Seat, cookie: &str) {
        if let Some(entry) = self.entries.get_mut(&seat) {
            entry.cookie = digest(cookie);
        }
    }

    /// A sign of life.
    pub(super) fn beat(&mut self, seat: Seat, now: Time) {
        if let Some(entry) = self.entries.get_mut(&seat) {
            entry.seen = Some(now);
        }
    }

    /// The page goes.
    pub(super) fn leave(&mut self, seat: Seat) {
        if let Some(entry) = self.entries.get_mut(&seat) {
            entry.seen = None;
        }
    }

    /// True the first time that this seat's input is ignored since it last held the lease.
    pub(super) fn ignores_input_of(&mut self, seat: Seat) -> bool {
        self.entries
            .get_mut(&seat)
            .is_some_and(|entry| !std::mem::replace(&mut entry.ignored, true))
    }

    /// The seat may be told again that its input is ignored.
    pub(super) fn hears_input_of(&mut self, seat: Seat) {
        if let Some(entry) = self.entries.get_mut(&seat) {
            entry.ignored = false;
        }
    }

    /// The seats whose pages are open.
    pub(super) fn present(&self, now: Time) -> impl Iterator<Item = Seat> {
        self.entries.iter().filter(move |(_, entry)| entry.is_present(now)).map(|(seat, _)| *seat)
    }

    /// When the next viewer is gone if it stays silent.
    pub(super) fn wake_at(&self, now: Time) -> Option<Time> {
        let present = self.entries.values().filter(|entry| entry.is_present(now));
        present.filter_map(|entry| entry.seen).min().map(|seen| seen + PRESENCE)
    }

    /// Whose seat it is.
    pub(super) fn person_of(&self, seat: Seat) -> Option<Person> {
        self.entries.get(&seat).map(|entry| entry.person)
    }

    /// What people call this person.
    pub(super) fn name(&self, person: Person) -> Arc<str> {
        let place = usize::try_from(person.0).unwrap_or(usize::MAX);
        self.people.get(place).map_or_else(|| "somebody".into(), Arc::clone)
    }
}

impl Entry {
    fn is_present(&self, now: Time) -> bool {
        self.seen.is_some_and(|seen| now < seen + PRESENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Duration::from_secs(100);

    fn secrets(n: u32) -> Secrets {
        Secrets { secret: format!("secret{n}"), cookie: format!("cookie{n}") }
    }

    fn enter(seats: &mut Seats, n: u32, name: &str, now: Time) -> Result<Seat, Refused> {
        seats.issue(&format!("token{n}"), name.into());
        seats.enter(&format!("token{n}"), &secrets(n), now)
    }

    #[test]
    fn a_token_lets_one_page_in_once() {
        let mut seats = Seats::default();
        assert_eq!(enter(&mut seats, 1, "ada", NOW), Ok(Seat(1)));
        assert_eq!(seats.enter("token1", &secrets(2), NOW), Err(Refused::Token));
        assert_eq!(seats.enter("token2", &secrets(2), NOW), Err(Refused::Token));
    }

    #[test]
    fn a_seat_needs_its_own_secrets() {
        let mut seats = Seats::default();
        let first = enter(&mut seats, 1, "ada", NOW).unwrap();
        let second = enter(&mut seats, 2, "bob", NOW).unwrap();
        assert_eq!(seats.check_secret(first, "secret1"), Ok(()));
        assert_eq!(seats.check_secret(first, "secret2"), Err(Refused::Seat));
        assert_eq!(seats.check_secret(first, "cookie1"), Err(Refused::Seat));
        assert_eq!(seats.check_cookie(second, "cookie2"), Ok(()));
        assert_eq!(seats.check_cookie(second, "secret2"), Err(Refused::Seat));
        assert_eq!(seats.come_back(Seat(9), "secret1", NOW), Err(Refused::Seat));
        let people = (seats.person_of(first).unwrap(), seats.person_of(second).unwrap());
        assert_ne!(people.0, people.1);
        assert_eq!(&*seats.name(people.1), "bob");
    }

    #[test]
    fn sixteen_watch_and_the_seventeenth_keeps_the_token() {
        let mut seats = Seats::default();
        for n in 0..16 {
            enter(&mut seats, n, "ada", NOW).unwrap();
        }
        assert_eq!(enter(&mut seats, 99, "bob", NOW), Err(Refused::Full));
        seats.leave(Seat(3));
        assert_eq!(seats.enter("token99", &secrets(99), NOW), Ok(Seat(17)));
        assert_eq!(seats.come_back(Seat(3), "secret2", NOW), Err(Refused::Full));
        assert_eq!(seats.come_back(Seat(4), "secret3", NOW), Ok(()));
    }

    #[test]
    fn forty_five_seconds_without_a_beat_and_the_viewer_is_gone() {
        let mut seats = Seats::default();
        let seat = enter(&mut seats, 1, "ada", NOW).unwrap();
        let ms = Duration::from_millis;
        assert_eq!(seats.wake_at(NOW), Some(NOW + PRESENCE));
        assert_eq!(seats.present(NOW + ms(44_999)).collect::<Vec<_>>(), [seat]);
        assert_eq!(seats.present(NOW + ms(45_000)).count(), 0);
        seats.beat(seat, NOW + ms(60_000));
        assert_eq!(seats.present(NOW + ms(60_000)).count(), 1);
        seats.leave(seat);
        assert_eq!(seats.present(NOW + ms(60_000)).count(), 0);
    }

    #[test]
    fn a_seat_is_told_once_that_its_input_is_ignored() {
        let mut seats = Seats::default();
        let seat = enter(&mut seats, 1, "ada", NOW).unwrap();
        assert_eq!([(); 3].map(|()| seats.ignores_input_of(seat)), [true, false, false]);
        seats.hears_input_of(seat);
        assert!(seats.ignores_input_of(seat));
    }

    #[test]
    fn a_seat_and_its_secrets_outlast_the_gate() {
        let mut seats = Seats::default();
        let first = enter(&mut seats, 1, "ada", NOW).unwrap();
        let gone = enter(&mut seats, 2, "bob", NOW).unwrap();
        seats.leave(gone);
        let text = serde_json::to_string(&seats.kept()).unwrap();
        assert!(!text.contains("secret1") && !text.contains("cookie1"), "{text}");
        let later = NOW + PRESENCE;
        let mut again = Seats::restored(serde_json::from_str(&text).unwrap(), later);
        assert_eq!(again.present(later).collect::<Vec<_>>(), [first]);
        assert_eq!(again.come_back(gone, "secret2", later), Ok(()));
        assert_eq!(again.check_cookie(first, "cookie1"), Ok(()));
        assert_eq!(&*again.name(again.person_of(gone).unwrap()), "bob");
        assert_eq!(again.person("ada".into()), again.person_of(first).unwrap());
        assert!(again.reserve() > gone, "a seat is given twice");
    }
}
