//! What a manifest's outcome block says about every reply, whatever it is written in.

use hedui_connect::manifest::{NoneProof, Verdict};
use hedui_connect::{CountOf, Format, Selector, Template};

use super::ServeError;
use super::place::Place;
use super::question::Reading;
use super::says::{Saying, says};
use super::wire::WireSource;

/// How a source's requests are read, and where its replies say what; compiled once.
pub(super) struct Replies {
    pub(super) reading: Reading,
    pub(super) items: Place,
    /// Where an item says whose it is, where it does not repeat the number for itself.
    pub(super) key: Option<Place>,
    /// Rows inside an item, where an item is a person and not a row.
    pub(super) rows: Option<Place>,
    pub(super) rows_count: Option<Place>,
    /// Where number and name come back.
    pub(super) echo: [Option<Place>; 2],
    pub(super) ok: Saying,
    pub(super) found: Saying,
    pub(super) no_record: Option<Saying>,
    /// What the whole reply says if there is nothing about anybody.
    pub(super) nothing: Option<(Place, String)>,
    pub(super) whole: Vec<(Place, CountOf)>,
    pub(super) as_of: Option<(Place, String)>,
}

impl Replies {
    pub(super) fn new(wire: &WireSource, body: &Template, format: Format) -> Result<Self, ServeError> {
        let (source, outcome) = (&wire.source, &wire.source.manifest.outcome);
        let period = source.manifest.ask.months.is_some();
        let reading = Reading::new(body, format, source.batch > 1, period, wire.registers.as_of);
        let reading = reading.map_err(|lack| wire.lack(lack))?;
        let place = |selector: &Selector| Place::of(source, selector);
        let maybe = |selector: &Option<Selector>| selector.as_ref().map(place).transpose();
        let item = outcome.item.as_ref().ok_or_else(|| wire.lack("[outcome] item"))?;
        let nothing = match &outcome.none {
            Some(NoneProof::Says(condition)) => match condition.equals() {
                Some((selector, text)) => Some((place(selector)?, text.to_owned())),
                None => return Err(wire.lack("[outcome] none as `path == \"text\"`")),
            },
            _ => None,
        };
        let found = if outcome.item_is.is_empty() {
            Saying::Nothing
        } else {
            says(source, &outcome.item_is, Verdict::Found)?
                .ok_or_else(|| wire.lack("how [outcome] item_is says `found`"))?
        };
        let whole = outcome.whole.iter().map(|check| Ok((place(&check.at)?, check.of)));
        Ok(Self {
            reading,
            items: place(item)?,
            key: maybe(&outcome.item_key)?,
            rows: maybe(&outcome.rows)?,
            rows_count: maybe(&outcome.rows_count)?,
            echo: [maybe(&outcome.echo_id)?, maybe(&outcome.echo_name)?],
            ok: says(source, &outcome.envelope, Verdict::Ok)?
                .or(says(source, &outcome.envelope, Verdict::Found)?)
                .ok_or_else(|| wire.lack("how [outcome] envelope says `ok`"))?,
            found,
            no_record: says(source, &outcome.item_is, Verdict::NoRecord)?,
            nothing,
            whole: whole.collect::<Result<_, ServeError>>()?,
            as_of: wire.as_of_text()?,
        })
    }
}
