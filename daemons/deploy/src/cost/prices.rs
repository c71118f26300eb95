use std::collections::BTreeMap;

use serde::Deserialize;

/// The built-in price table: `daemons/deploy/prices/aws.json`.
pub const BUILT_IN: &str = include_str!("../../prices/aws.json");

/// A price table by region, with the free tier.
#[derive(Debug, Clone, Deserialize)]
pub struct Prices {
    /// The date of the prices.
    pub as_of: String,
    /// The currency.
    pub currency: String,
    /// The sources.
    pub sources: Vec<String>,
    /// A note about them.
    #[serde(default)]
    pub note: String,
    /// The free amounts per month.
    pub free: Free,
    /// Prices by region and name.
    regions: BTreeMap<String, BTreeMap<String, Price>>,
}

/// The free amounts per month, by the name of the price, in its unit.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Free {
    /// Always free.
    pub always: BTreeMap<String, f64>,
    /// Additionally in the first twelve months of an account opened before 15 July 2025.
    pub first_year: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Price {
    usd: f64,
    per: f64,
}

/// The price table cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the price table {0}")]
pub struct BadPrices(String);

impl Prices {
    /// The built-in price table.
    pub fn built_in() -> Result<Self, BadPrices> {
        Self::parse(BUILT_IN)
    }

    /// Parses a price table.
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

    /// The regions with prices.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.keys().map(String::as_str)
    }

    /// The price of one unit.
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
