//! What is known of a model by its name: its window, whether it sees, how it thinks, what it costs
//! (pure). The table is `known.json`; a file of the same form overrides it name by name.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reply::Usage;

/// The table that we ship, of November 2026.
const BUILT_IN: &str = include_str!("known.json");
/// The window of a model that is not in the table: what every model of the last two years has.
const USUAL_WINDOW: u64 = 128_000;
/// Prices are for so many tokens.
const PRICED: f64 = 1_000_000.0;

/// How a model is told whether to think before it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// It can be turned off, and is: the tools' results are what there is to think about.
    Disabled,
    /// The least it can do: short notes between calls.
    BetweenTools,
    /// It cannot be turned off.
    Adaptive,
    /// Nothing is said, since what is accepted is not known.
    #[default]
    Unsaid,
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Tokens of its context window.
    #[serde(default = "usual_window")]
    pub window: u64,
    /// Whether it takes images.
    #[serde(default = "yes")]
    pub images: bool,
    /// How its thinking is set, on the Anthropic wire.
    #[serde(default)]
    pub thinking: Thinking,
    /// Prices for prompts of rising length; empty if not known.
    #[serde(default)]
    pub prices: Vec<Price>,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For prompts of at most so many tokens; without it, of any length.
    #[serde(default = "any_length")]
    pub up_to: u64,
    /// What is read at the full price.
    pub input: f64,
    /// What is written.
    pub output: f64,
    /// What is read from the cache; without it, as `input`.
    pub cache_read: Option<f64>,
    /// What is put into the cache; without it, as `input`.
    pub cache_write: Option<f64>,
}

fn usual_window() -> u64 {
    USUAL_WINDOW
}

fn yes() -> bool {
    true
}

fn any_length() -> u64 {
    u64::MAX
}

impl Default for Known {
    fn default() -> Self {
        Self {
            window: USUAL_WINDOW,
            images: true,
            thinking: Thinking::default(),
            prices: Vec::new(),
        }
    }
}

/// A table of models that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of models: {0}; see the one that is built in for its form")]
pub struct BadTable(String);

/// Models by name.
#[derive(Clone, Debug)]
pub struct Table(BTreeMap<String, Known>);

impl Table {
    /// The table that is built in, with the entries of another one, as JSON, over it.
    ///
    /// # Errors
    /// If that other one is none.
    pub fn new(over: Option<&str>) -> Result<Self, BadTable> {
        let mut models = BTreeMap::new();
        for text in std::iter::once(BUILT_IN).chain(over) {
            let more: BTreeMap<String, Known> =
                serde_json::from_str(text).map_err(|error| BadTable(error.to_string()))?;
            models.extend(more);
        }
        let bad = models.iter().find(|(_, known)| !known.is_sound()).map(|(name, _)| name);
        match bad {
            Some(name) => {
                Err(BadTable(format!("{name}: window and prices cannot be negative or zero")))
            }
            None => Ok(Self(models)),
        }
    }

    /// What is known of this one. A dated version is the model without its date.
    pub fn known(&self, name: &str) -> Known {
        self.0.get(name).or_else(|| self.0.get(undated(name))).cloned().unwrap_or_default()
    }
}

/// `claude-x-20260101`, `gpt-x-2026-01-01` and `x-latest` are versions.
fn undated(name: &str) -> &str {
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((rest, last)) = name.rsplit_once(['-', '@'])
        && (digits(last, 8) || last == "latest")
    {
        return rest;
    }
    if let Some((at, _)) = name.rmatch_indices('-').nth(2)
        && let (rest, Some(date)) = (name.get(..at).unwrap_or(name), name.get(at + 1..))
        && let [year, month, day] = date.split('-').collect::<Vec<_>>()[..]
        && digits(year, 4)
        && digits(month, 2)
        && digits(day, 2)
    {
        return rest;
    }
    name
}

impl Known {
    fn is_sound(&self) -> bool {
        let price = |price: &Price| {
            let Price { up_to: _, input, output, cache_read, cache_write } = price;
            [Some(*input), Some(*output), *cache_read, *cache_write]
                .into_iter()
                .flatten()
                .all(|dollars| dollars >= 0.0)
        };
        self.window > 0 && self.prices.iter().all(price)
    }

    /// What one request cost in US dollars; `None` if the prices are not known, which is not 0.
    #[expect(clippy::cast_precision_loss, reason = "no count of tokens reaches 2^52")]
    pub fn cost(&self, usage: &Usage) -> Option<f64> {
        let price = self.prices.iter().find(|price| usage.prompt() <= price.up_to)?;
        let Usage { requests: _, input, output, cache_read, cache_write } = *usage;
        let dollars = input as f64 * price.input
            + output as f64 * price.output
            + cache_read as f64 * price.cache_read.unwrap_or(price.input)
            + cache_write as f64 * price.cache_write.unwrap_or(price.input);
        Some(dollars / PRICED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Usage {
        Usage { requests: 1, input, output, cache_read, cache_write }
    }

    #[track_caller]
    fn cost(name: &str, usage: Usage, expected: Option<f64>) {
        let cost = Table::new(None).unwrap().known(name).cost(&usage);
        match (cost, expected) {
            (Some(cost), Some(expected)) => {
                assert!((cost - expected).abs() < 1e-9, "{name}: {cost} for {expected}");
            }
            other => assert_eq!(other.0, other.1, "{name}"),
        }
    }

    #[test]
    fn a_cost_is_what_the_table_says_and_unknown_is_not_nothing() {
        cost("claude-sonnet-5-5", usage(1000, 100, 10_000, 2000), Some(0.009));
        cost("gpt-4o", usage(1000, 100, 10_000, 0), Some(0.016));
        cost("llama3:8b", usage(1000, 100, 0, 0), None);
    }

    #[test]
    fn long_prompts_have_their_own_price() {
        cost("claude-haiku-5-5", usage(50_000, 0, 50_000, 0), Some(0.005 + 0.0005));
        cost("claude-haiku-5-5", usage(50_001, 0, 50_000, 0), Some(0.025_000_5 + 0.0025));
    }

    #[test]
    fn a_dated_version_is_the_model() {
        let table = Table::new(None).unwrap();
        for (dated, name) in [
            ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
            ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
            ("gpt-4o-2024-11-20", "gpt-4o"),
            ("gpt-4o-latest", "gpt-4o"),
        ] {
            assert_eq!(table.known(dated), table.known(name), "{dated}");
            assert!(!table.known(name).prices.is_empty(), "{name}");
        }
        assert_eq!(undated("claude-haiku-5-5"), "claude-haiku-5-5");
        assert_eq!(table.known("é-ü-日本-x"), Known::default());
    }

    #[test]
    fn a_table_of_ones_own_goes_over_ours_name_by_name() {
        let own = r#"{"gpt-4o": {"images": false, "prices": []}, "mine": {"window": 9, "prices": [{"input": 1, "output": 2}]}}"#;
        let table = Table::new(Some(own)).unwrap();
        assert!(!table.known("gpt-4o").images);
        assert_eq!(table.known("gpt-4o").cost(&usage(1, 1, 0, 0)), None);
        assert_eq!(table.known("mine").cost(&usage(1_000_000, 0, 1_000_000, 0)), Some(2.0));
        assert_eq!(table.known("claude-opus-5-5").thinking, Thinking::Adaptive);
        for bad in ["[]", r#"{"x": {"price": 1}}"#, r#"{"x": {"window": 0}}"#] {
            assert!(Table::new(Some(bad)).is_err(), "{bad}");
        }
    }
}
