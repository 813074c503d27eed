// What the shop sells, with a drawing of each thing: no photographs to license or to load.

/** Categories in the order of the navigation. */
export const CATEGORIES = [
  { id: 'kitchen', name: 'Kitchen' },
  { id: 'light', name: 'Light' },
  { id: 'living', name: 'Living' },
  { id: 'garden', name: 'Garden' },
];

/** Prices are in pence; `tint` is the background of the drawing. */
export const PRODUCTS = [
  product('alder-mug', 'Alder mug', 'kitchen', 1800, '#e7ddd0', 'Stoneware with a thumb rest, 300 ml.', 4.8, 212),
  product('pebble-teapot', 'Pebble teapot', 'kitchen', 5400, '#dfe6e1', 'Pours without a drip, holds four cups.', 4.7, 96),
  product('ash-board', 'Ash serving board', 'kitchen', 3200, '#e9e2d3', 'One piece of oiled ash, 42 cm long.', 4.9, 148),
  product('linen-towels', 'Linen tea towels', 'kitchen', 2400, '#e3e3ea', 'Set of three, softer with every wash.', 4.6, 77),
  product('copper-kettle', 'Copper kettle', 'kitchen', 8900, '#efe0d6', 'For every stove, whistles at the boil.', 4.5, 58),
  product('dune-lamp', 'Dune table lamp', 'light', 7900, '#ece4d4', 'Warm light through a paper shade, dimmable.', 4.8, 164),
  product('moss-lamp', 'Moss desk lamp', 'light', 6500, '#dde6dc', 'A steel arm that stays where you put it.', 4.4, 61),
  product('cedar-candle', 'Cedar candle', 'light', 2100, '#e8ded6', 'Rapeseed wax, burns for about fifty hours.', 4.7, 305),
  product('harbour-blanket', 'Harbour blanket', 'living', 9500, '#dce3ea', 'Recycled wool, 130 by 180 cm.', 4.9, 187),
  product('willow-basket', 'Willow basket', 'living', 4200, '#ebe3d2', 'Woven by hand, for logs or laundry.', 4.6, 83),
  product('quarry-clock', 'Quarry wall clock', 'living', 5900, '#e2e2e0', 'Slate face, runs without a sound.', 4.3, 40),
  product('birch-stool', 'Birch stool', 'living', 11000, '#ebe1d3', 'Three legs, so it never rocks.', 4.7, 52),
  product('fern-planter', 'Fern planter', 'garden', 3600, '#dde7dd', 'Glazed inside and out, with a saucer.', 4.5, 119),
  product('river-vase', 'River vase', 'garden', 4800, '#dce5e8', 'For one branch or a whole bunch.', 4.6, 66),
];

function product(slug, name, category, price, tint, text, stars, reviews) {
  return { slug, name, category, price, tint, text, stars, reviews };
}

/** One product, or undefined. */
export function find(slug) {
  return PRODUCTS.find((each) => each.slug === slug);
}

/** Products whose name or text has every word of the query. */
export function search(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return PRODUCTS.filter((each) => {
    const text = `${each.name} ${each.text} ${each.category}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const SHAPES = {
  'alder-mug': `<ellipse cx="196" cy="296" rx="96" ry="14" fill="#0002"/>
    <path d="M262 158c44-6 62 22 56 54s-34 50-64 46" fill="none" stroke="#55695f" stroke-width="18" stroke-linecap="round"/>
    <path d="M112 128h156v118c0 30-22 50-50 50h-56c-28 0-50-20-50-50z" fill="#6b8177"/>
    <path d="M112 210h156v36c0 30-22 50-50 50h-56c-28 0-50-20-50-50z" fill="#e9e0cf"/>
    <ellipse cx="190" cy="128" rx="78" ry="16" fill="#55695f"/><ellipse cx="190" cy="130" rx="66" ry="11" fill="#3b2a20"/>
    <path d="M168 96c-12-16 12-24 0-42M204 92c-12-16 12-24 0-42" fill="none" stroke="#fff" stroke-width="6" stroke-linecap="round" opacity=".7"/>`,
  'pebble-teapot': `<ellipse cx="200" cy="300" rx="120" ry="14" fill="#0002"/>
    <path d="M286 178c46-18 68 8 60 42s-40 48-70 38" fill="none" stroke="#4d5a57" stroke-width="16"/>
    <path d="M104 214c-30-6-44-34-58-58l-16 8c14 40 34 82 78 90z" fill="#76857f"/>
    <path d="M86 222c0-62 48-98 114-98s114 36 114 98c0 48-40 78-72 78h-84c-32 0-72-30-72-78z" fill="#76857f"/>
    <path d="M92 196c12-46 56-72 108-72s96 26 108 72c-36 14-70 20-108 20s-72-6-108-20z" fill="#8d9b95"/>
    <ellipse cx="200" cy="126" rx="46" ry="10" fill="#5f6d68"/><circle cx="200" cy="106" r="14" fill="#5f6d68"/>`,
  'ash-board': `<ellipse cx="206" cy="302" rx="128" ry="10" fill="#0002"/>
    <g transform="rotate(-18 200 200)"><rect x="92" y="118" width="190" height="156" rx="26" fill="#d2ab78"/>
    <rect x="270" y="176" width="84" height="40" rx="20" fill="#d2ab78"/><circle cx="332" cy="196" r="9" fill="#e9e2d3"/>
    <path d="M112 150c50 10 110-8 152 4M108 186c60 12 100-6 158 4M110 224c54 10 104-8 154 2M118 252c46 6 92-4 136 2" fill="none" stroke="#b88d58" stroke-width="4" stroke-linecap="round"/></g>
    <circle cx="150" cy="190" r="24" fill="#b04a3f"/><path d="M150 168c4-10 12-12 18-12" stroke="#4b6b3a" stroke-width="6" fill="none" stroke-linecap="round"/>`,
  'linen-towels': `<ellipse cx="200" cy="300" rx="118" ry="10" fill="#0002"/>
    <rect x="92" y="232" width="216" height="60" rx="14" fill="#7b86a8"/><rect x="100" y="172" width="200" height="62" rx="14" fill="#f3efe6"/>
    <path d="M100 196h200M100 208h200" stroke="#7b86a8" stroke-width="5"/><rect x="108" y="114" width="184" height="60" rx="14" fill="#b9c0d4"/>
    <path d="M262 114v60M250 114v60" stroke="#f3efe6" stroke-width="4"/><path d="M268 232v60" stroke="#f3efe6" stroke-width="4"/>`,
  'copper-kettle': `<ellipse cx="200" cy="300" rx="122" ry="12" fill="#0002"/>
    <path d="M128 132c6-72 138-72 144 0" fill="none" stroke="#4a342a" stroke-width="16" stroke-linecap="round"/>
    <path d="M112 218c-34-4-50-34-62-70l-18 6c8 50 34 98 84 104z" fill="#a9603c"/>
    <path d="M92 256c0-80 44-128 108-128s108 48 108 128c0 26-16 42-40 42H132c-24 0-40-16-40-42z" fill="#bf7148"/>
    <path d="M126 232c4-44 26-72 60-82" fill="none" stroke="#e3a57f" stroke-width="12" stroke-linecap="round"/>
    <ellipse cx="200" cy="130" rx="44" ry="9" fill="#8f4e2e"/><circle cx="200" cy="116" r="12" fill="#4a342a"/>`,
  'dune-lamp': `<ellipse cx="200" cy="310" rx="84" ry="10" fill="#0002"/><circle cx="200" cy="150" r="132" fill="#fff3" />
    <path d="M136 82h128l40 112H96z" fill="#f4e2b8"/><path d="M136 82h52l-22 112H96z" fill="#fbf0d4"/>
    <rect x="193" y="194" width="14" height="62" fill="#6d5a48"/><path d="M150 306c0-32 22-52 50-52s50 20 50 52z" fill="#8c7259"/>`,
  'moss-lamp': `<ellipse cx="190" cy="308" rx="96" ry="10" fill="#0002"/>
    <path d="M160 296 126 178 238 96" fill="none" stroke="#3f5a49" stroke-width="12" stroke-linecap="round" stroke-linejoin="round"/>
    <circle cx="126" cy="178" r="13" fill="#2c4034"/><path d="m216 84 44-30 66 94c-42 36-96 26-118-10z" fill="#557a63"/>
    <ellipse cx="270" cy="164" rx="50" ry="14" transform="rotate(-34 270 164)" fill="#fdf3cf"/><rect x="104" y="290" width="116" height="18" rx="9" fill="#3f5a49"/>`,
  'cedar-candle': `<ellipse cx="200" cy="304" rx="92" ry="12" fill="#0002"/>
    <path d="M200 60c26 30 26 54 0 66-26-12-26-36 0-66z" fill="#f2b84b"/><path d="M200 86c12 16 12 30 0 36-12-6-12-20 0-36z" fill="#fff3d0"/>
    <rect x="197" y="120" width="6" height="24" fill="#3b2a20"/><rect x="122" y="140" width="156" height="162" rx="16" fill="#a0674b"/>
    <rect x="122" y="140" width="156" height="34" rx="16" fill="#efe3cf"/><rect x="146" y="200" width="108" height="64" rx="4" fill="#f4ede0"/>
    <path d="M200 210l16 24h-10l12 20h-36l12-20h-10z" fill="#4b6b58"/>`,
  'harbour-blanket': `<ellipse cx="200" cy="302" rx="130" ry="10" fill="#0002"/>
    <path d="M78 224c0-22 18-34 40-34h164c22 0 40 12 40 34v46c0 16-10 26-26 26H104c-16 0-26-10-26-26z" fill="#43607a"/>
    <path d="M88 160c0-20 16-30 36-30h152c20 0 36 10 36 30s-16 34-36 34H124c-20 0-36-14-36-34z" fill="#5b7c98"/>
    <path d="M118 190v106M150 190v106M250 190v106M282 190v106" stroke="#cdd8e0" stroke-width="6"/>
    <path d="M96 296v16M116 296v16M136 296v16M156 296v16M176 296v16M196 296v16M216 296v16M236 296v16M256 296v16M276 296v16M296 296v16" stroke="#43607a" stroke-width="4" stroke-linecap="round"/>`,
  'willow-basket': `<ellipse cx="200" cy="304" rx="112" ry="12" fill="#0002"/>
    <path d="M120 158c0-96 160-96 160 0" fill="none" stroke="#8a6740" stroke-width="14"/>
    <path d="M88 156h224l-24 132c-2 10-10 16-20 16H132c-10 0-18-6-20-16z" fill="#c09a62"/>
    <path d="M94 186h212M99 216h202M104 246h192M110 276h180" stroke="#8a6740" stroke-width="6"/>
    <path d="M136 158l12 144M178 158l6 146M222 158l-6 146M264 158l-12 144" stroke="#a37d48" stroke-width="6"/><rect x="80" y="146" width="240" height="22" rx="11" fill="#8a6740"/>`,
  'quarry-clock': `<ellipse cx="200" cy="318" rx="96" ry="8" fill="#0002"/>
    <circle cx="200" cy="186" r="116" fill="#4a5054"/><circle cx="200" cy="186" r="102" fill="#5a6166"/>
    <path d="M200 96v20M200 256v20M110 186h20M270 186h20" stroke="#e2e2e0" stroke-width="7" stroke-linecap="round"/>
    <path d="M200 186v-58M200 186l46 28" stroke="#f2efe8" stroke-width="9" stroke-linecap="round"/><circle cx="200" cy="186" r="9" fill="#f2efe8"/>`,
  'birch-stool': `<ellipse cx="200" cy="312" rx="112" ry="10" fill="#0002"/>
    <path d="M142 150 108 308M258 150l34 158M200 156v140" stroke="#b28a58" stroke-width="16" stroke-linecap="round"/>
    <path d="M122 246h156" stroke="#9b7445" stroke-width="10"/><ellipse cx="200" cy="140" rx="104" ry="28" fill="#c9a16d"/>
    <ellipse cx="200" cy="132" rx="104" ry="26" fill="#e0bf8f"/><path d="M130 132c40 12 100 12 140 0M150 122c34 8 70 8 100 0" fill="none" stroke="#c9a16d" stroke-width="4"/>`,
  'fern-planter': `<ellipse cx="200" cy="308" rx="104" ry="10" fill="#0002"/>
    <path d="M200 210C140 190 96 140 84 84c58 10 100 56 116 126zM200 210c60-20 104-70 116-126-58 10-100 56-116 126z" fill="#5f8a63"/>
    <path d="M200 212C168 170 168 96 200 44c32 52 32 126 0 168z" fill="#497150"/>
    <path d="M200 205V60M196 200 96 96M204 200 304 96" stroke="#8fb68f" stroke-width="3"/>
    <path d="M122 206h156l-16 84c-2 10-10 16-20 16h-84c-10 0-18-6-20-16z" fill="#d9d2c3"/><rect x="114" y="196" width="172" height="24" rx="10" fill="#c7bfae"/>`,
  'river-vase': `<ellipse cx="200" cy="312" rx="80" ry="10" fill="#0002"/>
    <path d="M204 150C200 110 214 70 250 36M206 120c-10-24-30-40-56-48M222 84c10-4 26-4 40 4" fill="none" stroke="#6b5a45" stroke-width="5" stroke-linecap="round"/>
    <circle cx="250" cy="36" r="10" fill="#c98a97"/><circle cx="150" cy="72" r="11" fill="#d8a1ab"/><circle cx="264" cy="90" r="9" fill="#d8a1ab"/><circle cx="228" cy="64" r="8" fill="#c98a97"/>
    <path d="M176 140h48c0 40 50 58 50 112 0 38-30 60-74 60s-74-22-74-60c0-54 50-72 50-112z" fill="#5f8896"/>
    <path d="M148 238c6-26 20-40 32-58" fill="none" stroke="#a9c6cf" stroke-width="9" stroke-linecap="round"/><rect x="168" y="132" width="64" height="14" rx="7" fill="#4b6f7c"/>`,
};

/** The product's drawing as an SVG document. */
export function drawing({ slug, tint }) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 360"><rect width="400" height="360" fill="${tint}"/>${SHAPES[slug]}</svg>`;
}
