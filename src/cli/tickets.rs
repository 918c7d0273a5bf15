//! `trunkline tickets`: what people are to do, and whether it has reached them.

use super::Places;
use clap::Args;
use trunkline::drive::tickets;

/// List the newest tickets, and whether their webhooks have taken them.
#[derive(Debug, Args)]
pub(super) struct Tickets {
    /// How many.
    #[arg(long, default_value_t = 20)]
    count: usize,
    /// One JSON object a line, with all that was said.
    #[arg(long)]
    json: bool,
}

pub(super) fn tickets(args: &Tickets, places: &Places) -> Result<(), String> {
    let data = places.data()?;
    if !data.is_dir() {
        return Err(format!("{} does not exist: start the server once, or give --data DIR", data.display()));
    }
    let listed =
        tickets::newest(&data, args.count).map_err(|e| format!("the tickets cannot be read: {e}"))?;
    for one in &listed {
        let t = &one.ticket;
        if args.json {
            outln!("{}", serde_json::to_string(one).map_err(|e| e.to_string())?);
            continue;
        }
        let values: Vec<String> =
            t.values.iter().map(|v| format!("{}: {}", v.name, v.said.reveal())).collect();
        outln!(
            "{:<8} {:<10} {:<10} call {:<6} {:<9} tries {:<3} {}",
            t.number,
            t.line,
            t.kind,
            t.call.0,
            one.state.name(),
            one.tries,
            values.join("; ")
        );
    }
    if listed.is_empty() && !args.json {
        outln!("no tickets");
    }
    Ok(())
}
