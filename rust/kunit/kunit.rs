// SPDX-License-Identifier: GPL-2.0 OR MIT
//! KUnit suites for out-of-tree modules.
//!
//! The kernel crate's own `#[kunit_tests]` exists only if KUnit is built into the kernel. This
//! crate needs KUnit only when the module is loaded.
//!
//! C header: [`include/kunit/test.h`](srctree/include/kunit/test.h)
use core::{cell::UnsafeCell, ffi::CStr, fmt, mem, ptr};
use kernel::{bindings, error::to_result, ffi::c_void, prelude::*, sync::SetOnce, types::Opaque};

pub mod doctest;
pub mod fake;

/// A running test; the C counterpart is `struct kunit`.
#[repr(transparent)]
pub struct Test(Opaque<bindings::kunit>);

impl Test {
    /// Records that an expectation was not met. The test continues.
    #[doc(hidden)]
    pub fn fail(&self, file: &'static CStr, line: u32, args: fmt::Arguments<'_>) {
        let location = bindings::kunit_loc {
            file: file.as_ptr().cast(),
            line: line as i32,
        };
        let assertion = bindings::kunit_assert {};
        // SAFETY: The test is running. The function reads its arguments before it returns, and
        // `%pA` is the conversion for Rust's arguments.
        unsafe {
            bindings::__kunit_do_failed_assertion(
                self.0.get(),
                &location,
                bindings::kunit_assert_type_KUNIT_EXPECTATION,
                &assertion,
                Some(bindings::kunit_fail_assert_format),
                c"%pA".as_ptr().cast(),
                // KUnit indents its own messages in this way.
                ptr::from_ref(&format_args!("    {args}")).cast::<c_void>(),
            );
        }
    }
}

/// Calls a function with a message unless a condition is true.
#[doc(hidden)]
#[macro_export]
macro_rules! check {
    ($fail:expr, $condition:expr) => {
        if !$condition {
            ($fail)(::core::format_args!(
                "Expected {}\n",
                ::core::stringify!($condition)
            ));
        }
    };
}

/// Calls a function with a message unless two values are equal.
#[doc(hidden)]
#[macro_export]
macro_rules! check_eq {
    ($fail:expr, $left:expr, $right:expr) => {
        match (&$left, &$right) {
            (left, right) => {
                if *left != *right {
                    ($fail)(::core::format_args!(
                        "Expected {} == {}, but they are {:?} and {:?}\n",
                        ::core::stringify!($left),
                        ::core::stringify!($right),
                        left,
                        right
                    ));
                }
            }
        }
    };
}

/// Expects that a condition is true; C: `KUNIT_EXPECT_TRUE()`.
#[macro_export]
macro_rules! expect {
    ($test:expr, $condition:expr $(,)?) => {
        $crate::check!(
            |args| $test.fail(kernel::c_str!(::core::file!()), ::core::line!(), args),
            $condition
        )
    };
}

/// Expects that two values are equal; C: `KUNIT_EXPECT_EQ()`.
#[macro_export]
macro_rules! expect_eq {
    ($test:expr, $left:expr, $right:expr $(,)?) => {
        $crate::check_eq!(
            |args| $test.fail(kernel::c_str!(::core::file!()), ::core::line!(), args),
            $left,
            $right
        )
    };
}

/// What a case returns: nothing, or a result whose error fails the case.
pub trait Outcome {
    #[doc(hidden)]
    fn report(self, test: &Test);
}

impl Outcome for () {
    fn report(self, _test: &Test) {}
}

impl Outcome for Result {
    fn report(self, test: &Test) {
        if let Err(error) = self {
            test.fail(c"", 0, format_args!("The case returned {error:?}\n"));
        }
    }
}

/// A case of a suite; [`suite!`] implements it.
#[doc(hidden)]
pub trait Case {
    const NAME: &'static CStr;
    fn run(test: &Test);
}

/// The cases of a suite, and the end marker of the list; the C counterpart is an array of
/// `struct kunit_case`.
#[doc(hidden)]
pub struct Cases<const N: usize>(UnsafeCell<[bindings::kunit_case; N]>);

// SAFETY: Only KUnit writes to it, and KUnit runs one suite at a time.
unsafe impl<const N: usize> Sync for Cases<N> {}

/// An entry of [`Cases`].
#[doc(hidden)]
#[repr(transparent)]
pub struct Entry(bindings::kunit_case);

impl Entry {
    pub const fn new<C: Case>() -> Self {
        let mut case = Self::end().0;
        case.run_case = Some(run_case::<C>);
        case.name = C::NAME.as_ptr().cast();
        Self(case)
    }

    /// The end marker of the list.
    pub const fn end() -> Self {
        // SAFETY: All zeros is a valid value of numbers, pointers and optional functions.
        Self(unsafe { mem::zeroed() })
    }
}

/// Runs a case. KUnit calls this.
///
/// # Safety
///
/// `test` must be the running test.
unsafe extern "C" fn run_case<C: Case>(test: *mut bindings::kunit) {
    // SAFETY: By the requirements of this function, and the type is transparent.
    C::run(unsafe { &*test.cast::<Test>() });
}

impl<const N: usize> Cases<N> {
    pub const fn new(entries: [Entry; N]) -> Self {
        // SAFETY: `Entry` is transparent, so an array of entries is an array of cases. Nothing in
        // them has to be dropped.
        Self(UnsafeCell::new(unsafe {
            mem::transmute_copy::<[Entry; N], [bindings::kunit_case; N]>(&entries)
        }))
    }
}

/// A suite; the C counterpart is `struct kunit_suite`.
pub struct Suite(#[expect(dead_code, reason = "KUnit reads it")] UnsafeCell<bindings::kunit_suite>);

// SAFETY: As for `Cases`.
unsafe impl Sync for Suite {}

impl Suite {
    /// Makes a suite of cases. [`suite!`] calls this.
    #[doc(hidden)]
    pub const fn new<const N: usize>(name: &'static CStr, cases: &'static Cases<N>) -> Self {
        // SAFETY: All zeros is a valid value of numbers, pointers and optional functions.
        let mut suite: bindings::kunit_suite = unsafe { mem::zeroed() };
        let bytes = name.to_bytes();
        let mut i = 0;
        while i < bytes.len() {
            suite.name[i] = bytes[i];
            i += 1;
        }
        suite.test_cases = cases.0.get().cast();
        Self(UnsafeCell::new(suite))
    }
}

/// Declares the suite `SUITE` of functions that take a [`Test`]. It is visible in the crate, unless
/// another visibility is given before the name.
#[macro_export]
macro_rules! suite {
    ($name:literal, $cases:tt) => {
        $crate::suite!(pub(crate), $name, $cases);
    };
    ($vis:vis, $name:literal, [$($case:ident),+ $(,)?]) => {
        $(
            #[allow(non_camel_case_types)]
            enum $case {}

            impl $crate::Case for $case {
                const NAME: &'static ::core::ffi::CStr = kernel::c_str!(::core::stringify!($case));

                fn run(test: &$crate::Test) {
                    $crate::Outcome::report($case(test), test);
                }
            }
        )+

        const COUNT: usize = [$(::core::stringify!($case)),+].len() + 1;
        static CASES: $crate::Cases<COUNT> =
            $crate::Cases::new([$($crate::Entry::new::<$case>(),)+ $crate::Entry::end()]);
        $vis static SUITE: $crate::Suite = $crate::Suite::new($name, &CASES);
    };
}

/// The module of the suites.
static MODULE: SetOnce<&'static ThisModule> = SetOnce::new();

/// Returns the module of the running suites.
pub fn this_module() -> &'static ThisModule {
    MODULE.as_ref().expect("a suite is running")
}

/// Runs the suites of a module.
///
/// # Errors
///
/// `EINTR`. It is not an error if a case fails.
pub fn run(module: &'static ThisModule, suites: &'static [&'static Suite]) -> Result {
    MODULE.populate(module);
    // SAFETY: References have the layout of pointers, and the suites are valid as long as the
    // module.
    to_result(unsafe {
        bindings::__kunit_test_suites_init(suites.as_ptr().cast(), suites.len() as i32, true)
    })
}

/// Removes suites from KUnit, before the module is unloaded.
pub fn forget(suites: &'static [&'static Suite]) {
    // SAFETY: As in `run`, and the function only reads the list.
    unsafe {
        bindings::__kunit_test_suites_exit(suites.as_ptr().cast_mut().cast(), suites.len() as i32);
    }
}

/// Declares a module that runs the crate's `SUITES`, instead of a driver's module.
///
/// It takes the same arguments as the macro of the driver's module.
#[macro_export]
macro_rules! module {
    (type: $driver:ty, $($rest:tt)*) => {
        /// Replaces the driver's module, whose name it has.
        struct DriverModule;

        impl kernel::Module for DriverModule {
            fn init(module: &'static kernel::ThisModule) -> kernel::error::Result<Self> {
                // Avoids warnings of unused functions, because this module does not use the driver.
                const _: fn($driver) = |_| ();
                $crate::run(module, SUITES)?;
                Ok(Self)
            }
        }

        impl Drop for DriverModule {
            fn drop(&mut self) {
                $crate::forget(SUITES);
            }
        }

        kernel::prelude::module! { type: DriverModule, $($rest)* }
    };
}
