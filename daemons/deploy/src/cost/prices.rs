use std::collections::BTreeMap;

use serde::Deserialize;

/// The table of prices that comes with the program: `daemons/deploy/prices/aws.json`.
pub const BUILT_IN: &str = include_str!("../../prices/aws.json");

/// A table of prices by region, and what is free.
#[derive(Debug, Clone, Deserialize)]
pub struct Prices {
    /// The day that the prices are of.
    pub as_of: String,
    /// What they are in.
    pub currency: String,
    /// Where they can be looked up.
    pub sources: Vec<String>,
    /// What is to be said about them.
    #[serde(default)]
    pub note: String,
    /// What is free in a month.
    pub free: Free,
    /// Prices by region and name.
    regions: BTreeMap<String, BTreeMap<String, Price>>,
}

/// What is free in a month, by the name of the price, in its unit.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Free {
    /// For everybody.
    pub always: BTreeMap<String, f64>,
    /// In the first twelve months of an account that was opened before 15 July 2025, too.
    pub first_year: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Price {
    usd: f64,
    per: f64,
}

/// The table cannot be used: what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("the table of prices {0}")]
pub struct BadPrices(String);

impl Prices {
    /// The table that comes with the program.
    pub fn built_in() -> Result<Self, BadPrices> {
        Self::parse(BUILT_IN)
    }

    /// A table of this form.
    pub fn parse(text: &str) -> Result<Self, BadPrices> {
        let prices: Self = serde_json::from_str(text)
            .map_err(|error| BadPrices(format!("cannot be read: {error}")))?;
        let all = prices.regions.iter().flat_map(|(region, prices)| {
            prices.iter().map(move |(name, price)| (region, name, price))
        });
        for (region, name, price) in all {
            if !(price.usd >= 0.0 && price.per > 0.0 && (price.usd / price.per).is_finite()) {
                let why =
                    format!("has no price for {name} in {region}: {} for {}", price.usd, price.per);
                return Err(BadPrices(why));
            }
        }
        Ok(prices)
    }

    /// The regions that there are prices for.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.keys().map(String::as_str)
    }

    /// What one unit costs.
    pub fn of(&self, region: &str, name: &str) -> Result<f64, BadPrices> {
        let Some(prices) = self.regions.get(region) else {
            let known: Vec<_> = self.regions().collect();
            let why =
                format!("of {} has no region {region}; it has {}", self.as_of, known.join(", "));
            return Err(BadPrices(why));
        };
        let Some(price) = prices.get(name) else {
            let kind = name.split(' ').next().unwrap_or_default();
            let alike = prices.keys().filter(|other| other.starts_with(kind) && *other != kind);
            let alike: Vec<_> = alike.map(String::as_str).collect();
            let hint = if alike.is_empty() {
                String::new()
            } else {
                format!("; it has {}", alike.join(", "))
            };
            return Err(BadPrices(format!("has no `{name}` for {region}{hint}")));
        };
        Ok(price.usd / price.per)
    }
}
