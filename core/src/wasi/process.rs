//! Arguments, environment and the ends of the process.

use super::abi::SIGNAL_MAX;
use super::context::cost;
use super::{Failure, GuestMemory, WasiCtx};
use crate::error::{Error, Result};
use crate::vfs::Errno;

/// The guest called `proc_exit`. The call returns it as its error, which unwinds the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the guest exited with code {0}")]
pub(crate) struct Exit(pub(crate) u32);

/// Strings as the guest receives them: one block, each ended by NUL, and where each starts.
#[derive(Debug, Default)]
pub(super) struct Strings {
    block: Vec<u8>,
    starts: Vec<u32>,
}

impl Strings {
    pub(super) fn arguments(args: &[String]) -> Result<Strings> {
        let mut strings = Strings::default();
        for (index, arg) in args.iter().enumerate() {
            strings.push(arg.as_bytes()).map_err(|reason| invalid(format!("argument {index}"), reason))?;
        }
        Ok(strings)
    }

    pub(super) fn environment(env: &[(String, String)]) -> Result<Strings> {
        let mut strings = Strings::default();
        for (name, value) in env {
            let what = || format!("environment variable `{}`", name.escape_default());
            if name.is_empty() || name.contains('=') {
                return Err(invalid(what(), "its name is empty or contains `=`"));
            }
            strings.push(format!("{name}={value}").as_bytes()).map_err(|reason| invalid(what(), reason))?;
        }
        Ok(strings)
    }

    fn push(&mut self, string: &[u8]) -> std::result::Result<(), &'static str> {
        if string.contains(&0) {
            return Err("it contains NUL");
        }
        let start = u32::try_from(self.block.len()).ok();
        let end = u32::try_from(self.block.len().saturating_add(string.len()).saturating_add(1)).ok();
        let (Some(start), Some(_)) = (start, end) else {
            return Err("all of them together exceed 4 GiB");
        };
        self.starts.push(start);
        self.block.extend_from_slice(string);
        self.block.push(0);
        Ok(())
    }

    /// What handing them out costs in credit.
    fn cost(&self) -> u32 {
        let bytes = self.block.len() / cost::BYTES_PER_CREDIT as usize;
        u32::try_from(bytes + self.starts.len()).unwrap_or(cost::UNBOUNDED)
    }

    fn write_sizes(&self, mut memory: GuestMemory<'_>, count: u32, bytes: u32) -> std::result::Result<(), Failure> {
        memory.range(bytes, 4)?;
        memory.write_u32(count, self.starts.len() as u32)?;
        Ok(memory.write_u32(bytes, self.block.len() as u32)?)
    }

    fn write(&self, mut memory: GuestMemory<'_>, pointers: u32, block: u32) -> std::result::Result<(), Failure> {
        let pointers_bytes = u32::try_from(self.starts.len() * 4).map_err(|_| Errno::Overflow)?;
        memory.range(pointers, pointers_bytes)?;
        memory.write(block, &self.block)?;
        for (index, start) in self.starts.iter().enumerate() {
            // Both ranges are inside memory, so neither sum wraps.
            memory.write_u32(pointers + index as u32 * 4, block + start)?;
        }
        Ok(())
    }
}

impl WasiCtx {
    pub(super) fn args_get(
        &mut self,
        memory: GuestMemory<'_>,
        argv: u32,
        argv_buf: u32,
    ) -> std::result::Result<(), Failure> {
        self.credit.spend(self.args.cost())?;
        self.args.write(memory, argv, argv_buf)
    }

    pub(super) fn args_sizes_get(
        &mut self,
        memory: GuestMemory<'_>,
        count: u32,
        bytes: u32,
    ) -> std::result::Result<(), Failure> {
        self.args.write_sizes(memory, count, bytes)
    }

    pub(super) fn environ_get(
        &mut self,
        memory: GuestMemory<'_>,
        environ: u32,
        environ_buf: u32,
    ) -> std::result::Result<(), Failure> {
        self.credit.spend(self.env.cost())?;
        self.env.write(memory, environ, environ_buf)
    }

    pub(super) fn environ_sizes_get(
        &mut self,
        memory: GuestMemory<'_>,
        count: u32,
        bytes: u32,
    ) -> std::result::Result<(), Failure> {
        self.env.write_sizes(memory, count, bytes)
    }

    /// Signals are not delivered; a program that wants to die exits.
    pub(super) fn proc_raise(&mut self, _: GuestMemory<'_>, signal: u32) -> std::result::Result<(), Failure> {
        Err(if signal > SIGNAL_MAX { Errno::Inval } else { Errno::Notsup }.into())
    }

    /// There is nobody to yield to, but a guest that spins on it must meet its deadline.
    pub(super) fn sched_yield(&mut self, _: GuestMemory<'_>) -> std::result::Result<(), Failure> {
        Ok(self.interrupt.check()?)
    }
}

fn invalid(what: String, reason: &'static str) -> Error {
    Error::EnvironmentInvalid { what, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_laid_out_with_their_pointers() {
        let strings = Strings::arguments(&["a".into(), String::new(), "bc".into()]).unwrap();
        let mut bytes = vec![0; 32];
        strings.write(GuestMemory::new(&mut bytes), 0, 16).unwrap();
        assert_eq!(&bytes[..12], [16, 0, 0, 0, 18, 0, 0, 0, 19, 0, 0, 0]);
        assert_eq!(&bytes[16..22], b"a\0\0bc\0");
    }

    #[test]
    fn a_bad_pointer_writes_nothing() {
        let strings = Strings::arguments(&["abc".into(), "d".into()]).unwrap();
        for (pointers, block) in [(30, 0), (0, 30), (u32::MAX, 0), (0, u32::MAX)] {
            let mut bytes = vec![0; 32];
            let answer = strings.write(GuestMemory::new(&mut bytes), pointers, block);
            assert_eq!(answer, Err(Failure::Errno(Errno::Fault)), "{pointers} {block}");
            assert!(bytes.iter().all(|byte| *byte == 0), "{pointers} {block}");
        }
    }

    #[test]
    fn strings_that_cannot_be_passed_are_refused() {
        assert!(Strings::arguments(&["a\0b".into()]).is_err());
        for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "\0")] {
            assert!(Strings::environment(&[(name.into(), value.into())]).is_err(), "{name:?} {value:?}");
        }
    }
}
