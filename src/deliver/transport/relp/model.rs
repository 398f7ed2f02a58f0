//! A receiver of RELP that is made up: the process behind a connection of
//! [`crate::deliver::transport::model`].

use fastrand::Rng;

use super::codec::RelpParser;
use crate::deliver::transport::model::Oracle;

/// Its end of a session.
pub(in crate::deliver::transport) struct RelpReceiver {
    parser: RelpParser,
    /// Where it is.
    place: usize,
    /// The transaction that comes next.
    next: u32,
    /// It ends the session after so many messages more.
    left: usize,
}

impl RelpReceiver {
    pub(in crate::deliver::transport) fn new(place: usize, messages: usize) -> Self {
        Self { parser: RelpParser::default(), place, next: 1, left: messages }
    }

    /// Takes what has come, and answers what of it is whole into `said`, messages in any order. Returns
    /// whether the session is over.
    pub(in crate::deliver::transport) fn read(
        &mut self,
        came: &[u8],
        oracle: &mut Oracle,
        said: &mut Vec<u8>,
        rng: &mut Rng,
    ) -> bool {
        self.parser.room().extend_from_slice(came);
        let (mut answers, mut is_over) = (Vec::new(), false);
        while let Some(frame) = self.parser.next_frame().unwrap() {
            assert_eq!(frame.number, self.next, "{frame:?}");
            self.next += 1;
            match frame.command {
                b"open" => {
                    let offers = "200 OK\nrelp_version=0\ncommands=syslog";
                    said.extend(format!("1 rsp {} {offers}\n", offers.len()).bytes());
                }
                b"syslog" if self.left == 0 => {
                    said.extend(b"0 serverclose 0\n");
                    is_over = true;
                    break;
                }
                b"syslog" => {
                    self.left -= 1;
                    let number = std::str::from_utf8(frame.data).unwrap().trim();
                    let answer = oracle.answer(number.parse().unwrap(), self.place, rng);
                    answers.push(format!("{} rsp {} {answer}\n", frame.number, answer.len()));
                }
                b"close" => {
                    let number = frame.number;
                    answers.push(format!("{number} rsp 0\n0 serverclose 0\n"));
                    is_over = true;
                }
                other => panic!("{:?}", String::from_utf8_lossy(other)),
            }
        }
        if rng.u8(..4) == 0 {
            rng.shuffle(&mut answers);
        }
        said.extend(answers.concat().bytes());
        is_over
    }
}
