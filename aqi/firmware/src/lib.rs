//! Shared parts of the images: a missing allocator, a screen, and a panic handler that stops.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;
use core::panic::PanicInfo;

/// `rust_decimal` links the crate `alloc`, so the compiler requires a global allocator, although it
/// is never called. This one calls an undefined function: if any code in an image could allocate,
/// the image would not link.
struct NoAllocator;

unsafe extern "C" {
    fn nothing_may_allocate() -> *mut u8;
}

unsafe impl GlobalAlloc for NoAllocator {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        unsafe { nothing_may_allocate() }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        unsafe { nothing_may_allocate() };
    }
}

#[global_allocator]
static ALLOCATOR: NoAllocator = NoAllocator;

/// What a display would show.
pub struct Screen {
    bytes: [u8; 128],
    used: usize,
}

impl Screen {
    /// Shows nothing.
    pub const EMPTY: Self = Self { bytes: [0; 128], used: 0 };

    /// Prevents the compiler from removing the output.
    pub fn refresh(&mut self) {
        core::hint::black_box(&self.bytes);
        self.used = 0;
    }
}

impl fmt::Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.used..self.used + text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.used += text.len();
        Ok(())
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {}
}
