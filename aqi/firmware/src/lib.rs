//! What the images share: no allocator, a screen, and a panic that stops.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;
use core::panic::PanicInfo;

/// `rust_decimal` names the crate `alloc`, so the compiler asks for a global allocator, though
/// nothing calls one. This one calls a function that is nowhere: if anything that an image
/// uses could allocate, the image would not link.
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

    /// Keeps the compiler from leaving out what was written.
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
