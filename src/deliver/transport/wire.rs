//! What a connection at work needs of the socket below it, so that a model can take the place of the
//! kernel and of the receiver.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use super::Socket;
use super::tcp::{Heard, Link, Look, Sent};
use crate::deliver::ledger::Ledger;

/// A TCP connection, perhaps with TLS over it.
pub(in crate::deliver) trait Wire: Debug + Send {
    /// The address that answered.
    fn peer(&self) -> SocketAddr;
    /// "TCP", or the version of TLS.
    fn protocol(&self) -> &'static str;
    /// There is TLS over it.
    fn is_encrypted(&self) -> bool;
    /// The socket, to be waited for.
    fn socket(&self) -> Socket;
    /// Writes what comes next, once: as much as the kernel takes, and at most `most` bytes.
    fn send(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<Sent>;
    /// The same in one piece: over TLS one record.
    fn send_piece(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<Sent>;
    /// Says something that is no message, behind what was sent before. To be called when all of that is
    /// written.
    fn say(&mut self, words: &[u8]) -> io::Result<()>;
    /// Writes what there is besides messages.
    fn flush(&mut self) -> io::Result<Sent>;
    /// Has the kernel send nothing but full segments, until that is over.
    fn cork(&self, corked: bool);
    /// Reads and discards what the receiver sent, a bounded amount.
    fn receive(&mut self) -> io::Result<Heard>;
    /// The same, also where nobody has told yet that something has come.
    fn receive_now(&mut self, answers: Option<&mut Vec<u8>>) -> io::Result<Heard>;
    /// Reads what the receiver sent, a bounded amount, and appends what it says to `answers`.
    fn receive_into(&mut self, answers: &mut Vec<u8>) -> io::Result<Heard>;
    /// Has the kernel acknowledge what has come, and not wait for something to acknowledge it with.
    fn acknowledge_at_once(&self);
    /// Asks the kernel how far things have come.
    fn look(&mut self) -> io::Result<Look>;
    /// Something is sealed that the kernel has not taken yet.
    fn has_unsent(&self) -> bool;
    /// TLS asks for another connection soon.
    fn keys_are_exhausted(&self) -> bool;
    /// Ends our side behind everything written, with `close_notify` where there is TLS.
    fn close(&mut self) -> io::Result<()>;
    /// Sends FIN alone.
    fn finish(&mut self) -> io::Result<()>;
    /// Our FIN is sent, or on its way.
    fn is_finished(&self) -> bool;
    /// The kernel has an error for this connection, which is gone by that.
    fn has_error(&self) -> bool;
    /// Ends the connection at once, by RST.
    fn abort(self);
}

impl Wire for Link {
    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn protocol(&self) -> &'static str {
        self.protocol()
    }

    fn is_encrypted(&self) -> bool {
        self.is_encrypted()
    }

    fn socket(&self) -> Socket {
        Socket::Stream(self.socket())
    }

    fn send(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<Sent> {
        self.send(ledger, most)
    }

    fn send_piece(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<Sent> {
        self.send_piece(ledger, most)
    }

    fn say(&mut self, words: &[u8]) -> io::Result<()> {
        self.say(words)
    }

    fn flush(&mut self) -> io::Result<Sent> {
        self.flush()
    }

    fn cork(&self, corked: bool) {
        self.cork(corked);
    }

    fn receive(&mut self) -> io::Result<Heard> {
        self.receive()
    }

    fn receive_now(&mut self, answers: Option<&mut Vec<u8>>) -> io::Result<Heard> {
        self.receive_now(answers)
    }

    fn receive_into(&mut self, answers: &mut Vec<u8>) -> io::Result<Heard> {
        self.receive_into(answers)
    }

    fn acknowledge_at_once(&self) {
        self.acknowledge_at_once();
    }

    fn look(&mut self) -> io::Result<Look> {
        self.look()
    }

    fn has_unsent(&self) -> bool {
        self.has_unsent()
    }

    fn keys_are_exhausted(&self) -> bool {
        self.keys_are_exhausted()
    }

    fn close(&mut self) -> io::Result<()> {
        self.close_notify();
        // The kernel had room a moment ago; if it takes no `close_notify` now, FIN must do.
        self.flush()?;
        // Where that fails the connection is over already; reading tells how.
        let _ = self.finish();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.finish()
    }

    fn is_finished(&self) -> bool {
        self.is_finished()
    }

    fn has_error(&self) -> bool {
        self.has_error()
    }

    fn abort(self) {
        self.abort();
    }
}
