//! What is asked for on the command line.

/// See the module's documentation in `main.rs`.
#[derive(Debug, Default)]
pub struct Arguments {
    /// At the size that the targets speak of.
    pub full: bool,
    /// Only these rows.
    pub rows: Vec<String>,
    /// How often each contender runs.
    pub rounds: Option<usize>,
    /// The documents are renewed from what is measured.
    pub save: bool,
    pub list: bool,
}

impl Arguments {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--full" => parsed.full = true,
                "--save" => parsed.save = true,
                "--list" => parsed.list = true,
                "--row" => parsed.rows.push(value()?),
                "--rounds" => {
                    let text = value()?;
                    let rounds = text.parse().ok().filter(|&rounds| rounds > 0);
                    parsed.rounds = Some(rounds.ok_or(format!("--rounds {text}: no such number"))?);
                }
                // What cargo adds.
                "--bench" => {}
                other => return Err(format!("{other}: not known; see benches/field/main.rs")),
            }
        }
        Ok(parsed)
    }
}
