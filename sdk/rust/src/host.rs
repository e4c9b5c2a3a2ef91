//! The host's side of ABI 1: its functions, the memory, and the way of a call.

use crate::json::{Decode, Encode, Reader, Writer};
use crate::Answer;

#[cfg(target_arch = "wasm32")]
mod ww_1 {
    #[link(wasm_import_module = "ww_1")]
    extern "C" {
        pub fn log(level: i32, ptr: *const u8, len: usize);
        pub fn fail(code: i32, ptr: *const u8, len: usize) -> !;
    }
}

#[cfg(target_arch = "wasm32")]
fn log(level: i32, text: &str) {
    unsafe { ww_1::log(level, text.as_ptr(), text.len()) }
}

#[cfg(target_arch = "wasm32")]
fn fail(code: i32, text: &str) -> ! {
    unsafe { ww_1::fail(code, text.as_ptr(), text.len()) }
}

// Where there is no host, as in a plugin's own tests.
#[cfg(not(target_arch = "wasm32"))]
fn log(level: i32, text: &str) {
    eprintln!("{} {}", level, text)
}

#[cfg(not(target_arch = "wasm32"))]
fn fail(_code: i32, text: &str) -> ! {
    panic!("{}", text)
}

/// Writes to the plugin's log. A call may log 4 KiB. Name no customers: logs are
/// kept longer than orders.
pub fn debug(text: &str) {
    log(0, text)
}

/// Writes to the plugin's log.
pub fn info(text: &str) {
    log(1, text)
}

/// Writes to the plugin's log.
pub fn warn(text: &str) {
    log(2, text)
}

/// Writes to the plugin's log; the call goes on.
pub fn error(text: &str) {
    log(3, text)
}

// The codes of ww_1.fail.
const FAILED: i32 = 1;
const PANICKED: i32 = 2;

/// The host writes a call's input here. Nobody frees it: the host resets the
/// instance after the call.
pub fn alloc(len: usize) -> *mut u8 {
    Vec::leak(Vec::with_capacity(len.max(1))).as_mut_ptr()
}

/// Runs one hook.
///
/// # Safety
/// `ptr` and `len` must be those of an input that the host has written.
pub unsafe fn serve<I: Decode, O: Encode>(ptr: *const u8, len: usize, f: fn(&I) -> Answer<O>) -> u64 {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|info| fail(PANICKED, &info.to_string())));
    let _ = PANICKED;
    let answer = Reader::new(std::slice::from_raw_parts(ptr, len))
        .and_then(|mut r| r.whole::<I>())
        .and_then(|input| f(&input));
    let out = match answer {
        Ok(Some(out)) => {
            let mut w = Writer::new();
            out.encode(&mut w);
            w.done()
        }
        Ok(None) => b"{}".to_vec(),
        Err(e) => fail(FAILED, &e.0),
    };
    let out = Vec::leak(out);
    (out.as_ptr() as u64) << 32 | out.len() as u64
}

/// The allocator of a guest that lives for one call: it moves a pointer. It
/// begins in the memory that the module has from the start, since an instance
/// whose memory grew costs the host a new one.
#[cfg(target_arch = "wasm32")]
mod memory {
    use core::alloc::{GlobalAlloc, Layout};
    use core::arch::wasm32::{memory_grow, memory_size};

    struct Bump;

    #[global_allocator]
    static ALLOCATOR: Bump = Bump;

    extern "C" {
        static __heap_base: u8;
    }

    const PAGE: usize = 65536;
    static mut NEXT: usize = 0;
    static mut END: usize = 0;

    // A guest has one thread.
    unsafe fn take(from: usize, size: usize) -> bool {
        let next = match from.checked_add(size) {
            Some(n) => n,
            None => return false,
        };
        if next > END {
            let pages = (next - END + PAGE - 1) / PAGE;
            if memory_grow(0, pages) == usize::MAX {
                return false;
            }
            END += pages * PAGE;
        }
        NEXT = next;
        true
    }

    unsafe impl GlobalAlloc for Bump {
        unsafe fn alloc(&self, l: Layout) -> *mut u8 {
            if NEXT == 0 {
                NEXT = core::ptr::addr_of!(__heap_base) as usize;
                END = memory_size(0) * PAGE;
            }
            let at = (NEXT + l.align() - 1) & !(l.align() - 1);
            if take(at, l.size()) {
                at as *mut u8
            } else {
                core::ptr::null_mut()
            }
        }

        unsafe fn dealloc(&self, p: *mut u8, l: Layout) {
            if p as usize + l.size() == NEXT {
                NEXT = p as usize;
            }
        }

        unsafe fn realloc(&self, p: *mut u8, l: Layout, size: usize) -> *mut u8 {
            if p as usize + l.size() == NEXT {
                return if take(p as usize, size) { p } else { core::ptr::null_mut() };
            }
            if size <= l.size() {
                return p;
            }
            let to = self.alloc(Layout::from_size_align_unchecked(size, l.align()));
            if !to.is_null() {
                core::ptr::copy_nonoverlapping(p, to, l.size());
            }
            to
        }
    }
}
