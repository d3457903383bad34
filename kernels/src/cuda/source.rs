//! The kernel files, as they are compiled.

/// A file of kernels with what is put in front of it, in order.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The name of the file without its ending.
    pub name: &'static str,
    /// The names and the texts of the parts; the last is the file itself.
    pub parts: &'static [(&'static str, &'static str)],
}

macro_rules! text {
    ($file:literal) => {
        ($file, include_str!(concat!("../../cuda/", $file)))
    };
}

macro_rules! sources {
    ($($name:literal: [$($before:literal),*];)*) => {
        &[$(Source {
            name: $name,
            parts: &[text!("common.cuh"), $(text!($before),)* (concat!($name, ".cu"), include_str!(concat!("../../cuda/", $name, ".cu")))],
        }),*]
    };
}

/// All of them.
pub const SOURCES: &[Source] = sources! {
    "elementwise": [];
    "reduce": ["column_sums.cuh", "rows.cuh", "sums.cuh"];
    "gemm": ["implicit_gemm.cuh"];
    "conv_forward": ["implicit_gemm.cuh", "conv.cuh"];
    "conv_input_gradient": ["implicit_gemm.cuh", "conv.cuh"];
    "conv_weight_gradient": ["implicit_gemm.cuh", "conv.cuh"];
    "norm": ["column_sums.cuh"];
    "pool": [];
    "resample": [];
    "layout": [];
    "filter": [];
    "gather": [];
    "along": [];
    "scan": [];
    "extreme": [];
    "order": [];
    "softmax": ["rows.cuh"];
    "unit": ["rows.cuh"];
    "distance": [];
    "mining": [];
    "triplets": [];
    "optimiser": [];
    "lbfgs": ["sums.cuh"];
    "random": [];
};

impl Source {
    /// The whole text, with marks for the compiler's messages.
    pub fn text(&self) -> String {
        let mut whole = String::new();
        for (name, text) in self.parts {
            for piece in ["#line 1 \"", name, "\"\n", text] {
                whole.push_str(piece);
            }
        }
        whole
    }

    /// The file with this name.
    ///
    /// # Panics
    /// If there is none.
    pub fn named(name: &str) -> &'static Self {
        SOURCES.iter().find(|source| source.name == name).unwrap_or_else(|| panic!("no kernel file {name}"))
    }
}
