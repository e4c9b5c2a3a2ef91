//! What a Waxwing plugin in Rust uses. It depends on nothing.
//!
//! ```ignore
//! use waxwing::{Answer, Input, PersonaliseOutput};
//!
//! waxwing::plugin!(personalise = personalise);
//!
//! fn personalise(input: &Input) -> Answer<PersonaliseOutput> {
//!     Ok(None) // nothing to say
//! }
//! ```
//!
//! An error or a panic fails the call: it is recorded, and the confirmation goes
//! out without it. Nothing survives from one call to the next. In types, an empty
//! text or list means that it was not given.

mod format;
pub mod host;
pub mod json;
mod types;

pub use format::{format_date, format_money, format_weekday};
pub use host::{debug, error, info, warn};
pub use json::{Error, Value};
pub use types::*;

/// What a hook answers: `None` means that there is nothing to say.
pub type Answer<T> = Result<Option<T>, Error>;

/// Makes a text of any origin fit for a subject or a greeting, where a control
/// character or a text that is too long is refused: controls and line breaks
/// become spaces, and what is beyond `most` characters is cut off.
pub fn line(text: &str, most: usize) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() || c == '\u{2028}' || c == '\u{2029}' { ' ' } else { c }).collect();
    let cut: String = clean.trim().chars().take(most).collect();
    cut.trim_end().to_string()
}

/// Names the function of each hook that the plugin fills:
/// `waxwing::plugin!(filter = my_filter, recommend = my_recommend);`
#[macro_export]
macro_rules! plugin {
    ($($hook:ident = $f:path),+ $(,)?) => {
        #[no_mangle]
        pub extern "C" fn ww_abi_1() {}
        #[no_mangle]
        pub extern "C" fn ww_alloc(len: usize) -> *mut u8 {
            $crate::host::alloc(len)
        }
        $($crate::hook!($hook, $f);)+
    };
}

/// One hook of [`plugin!`].
#[doc(hidden)]
#[macro_export]
macro_rules! hook {
    (personalise, $f:path) => {
        $crate::export!(ww_personalise_1, $f, $crate::Input, $crate::PersonaliseOutput);
    };
    (recommend, $f:path) => {
        $crate::export!(ww_recommend_1, $f, $crate::Input, $crate::RecommendOutput);
    };
    (predict_delay, $f:path) => {
        $crate::export!(ww_predict_delay_1, $f, $crate::Input, $crate::PredictDelayOutput);
    };
    (filter, $f:path) => {
        $crate::export!(ww_filter_1, $f, $crate::Input, $crate::FilterOutput);
    };
    (normalise, $f:path) => {
        $crate::export!(ww_normalise_1, $f, $crate::NormaliseInput, $crate::GenericOrder);
    };
}

/// One export of [`plugin!`].
#[doc(hidden)]
#[macro_export]
macro_rules! export {
    ($name:ident, $f:path, $in:ty, $out:ty) => {
        /// # Safety
        /// The host gives what it wrote to where `ww_alloc` said.
        #[no_mangle]
        pub unsafe extern "C" fn $name(ptr: *const u8, len: usize) -> u64 {
            $crate::host::serve::<$in, $out>(ptr, len, $f)
        }
    };
}
