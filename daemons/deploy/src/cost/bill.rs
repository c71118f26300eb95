use serde::Serialize;

use super::{BadPrices, Line, Prices};

/// Which free tier applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeTier {
    /// None: other systems of the account use it up.
    None,
    /// The always-free amounts.
    Always,
    /// Also the first-year amounts of an account opened before 15 July 2025.
    FirstYear,
}

/// A line of the bill, with its cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Charge {
    /// The usage.
    #[serde(flatten)]
    pub line: Line,
    /// The free quantity.
    pub free: f64,
    /// The price of a unit, in USD.
    pub unit_price: f64,
    /// The monthly cost, in USD.
    pub usd: f64,
}

/// A monthly bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// The lines.
    pub charges: Vec<Charge>,
    /// Their sum, in USD.
    pub total: f64,
}

impl Bill {
    /// Computes the cost of lines. A free amount is applied to the lines with its price in order,
    /// until it is used up.
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
