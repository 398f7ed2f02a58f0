//! What `benches/` measures of RELP, and nothing else uses.

use super::codec::RelpParser;
use super::session::{RelpLimits, RelpSession};
use crate::deliver::ledger::Ledger;
use crate::pipeline::batch::Batch;

/// Each time it is called: the messages of a copy of `batch` are numbered, and answered one by one; the answers are
/// taken apart, and the batch is confirmed by them.
pub fn relp(batch: Batch) -> impl FnMut() {
    let limits = RelpLimits { window: 1024, last_number: RelpLimits::LAST_NUMBER };
    // That to `open`, then one for each message.
    let answers: Vec<_> = (1..batch.frames.len() + 2)
        .map(|number| format!("{number} rsp 6 200 OK\n").into_bytes())
        .collect();
    let mut ledger = Ledger::default();
    move || {
        ledger.connected();
        let (mut session, mut parser) =
            (RelpSession::new(limits, Default::default()), RelpParser::default());
        let (bytes, frames) = (batch.bytes.clone(), batch.frames.clone());
        ledger.push(Batch { bytes, frames, framing: batch.framing, ..Batch::default() });
        let (mut answered, mut taken) = (0, 0);
        let mut answer = |count: usize, session: &mut RelpSession| {
            let next = &answers[answered..answered + count];
            next.iter().for_each(|it| parser.room().extend_from_slice(it));
            answered += count;
            let heard = session.hear_all(&mut parser);
            debug_assert_eq!(heard, Ok(true));
        };
        answer(1, &mut session);
        while let Some(numbered) = session.number(ledger.frames_to_stamp()) {
            ledger.wrote((numbered - taken) as usize);
            taken = numbered;
            answer(session.unanswered(), &mut session);
            ledger.confirm_up_to(session.proven());
        }
        debug_assert!(ledger.is_settled());
        std::hint::black_box(ledger.take_confirmed());
    }
}
