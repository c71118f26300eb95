use serde::Serialize;

use super::{BadPrices, Line, Prices};

/// Which free amounts apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeTier {
    /// None: other systems of the account use them up.
    None,
    /// Those that everybody has.
    Always,
    /// Those, and what an account opened before 15 July 2025 has in its first year.
    FirstYear,
}

/// A line and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Charge {
    /// What is paid for.
    #[serde(flatten)]
    pub line: Line,
    /// So much of it is free.
    pub free: f64,
    /// What one costs, in USD.
    pub unit_price: f64,
    /// What this costs in a month, in USD.
    pub usd: f64,
}

/// What a month costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// Line by line.
    pub charges: Vec<Charge>,
    /// Their sum, in USD.
    pub total: f64,
}

impl Bill {
    /// What lines cost. A free amount goes to the first lines with its price, then the rest
    /// of it to the next.
    pub fn of(
        lines: Vec<Line>,
        prices: &Prices,
        region: &str,
        free: FreeTier,
    ) -> Result<Self, BadPrices> {
        let mut left = prices.free.always.clone();
        match free {
            FreeTier::None => left.clear(),
            FreeTier::Always => {}
            FreeTier::FirstYear => {
                for (name, amount) in &prices.free.first_year {
                    *left.entry(name.clone()).or_default() += amount;
                }
            }
        }
        let mut charges = Vec::new();
        for line in lines {
            let unit_price = prices.of(region, &line.price)?;
            let mut free = 0.0;
            if let Some(left) = left.get_mut(&line.price) {
                free = left.min(line.quantity);
                *left -= free;
            }
            let usd = (line.quantity - free) * unit_price;
            charges.push(Charge { line, free, unit_price, usd });
        }
        let total = charges.iter().map(|charge| charge.usd).sum();
        Ok(Self { charges, total })
    }
}
