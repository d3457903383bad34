//! A single picture that a flag names: a file, or drawn by the program.

use std::fmt;
use std::path::PathBuf;

use gobelin_datasets::{Picture, scenes, textures};

use crate::error::{Error, Failure, one_line};
use crate::state::{State, StateError};

/// What stands before the kind of a drawn picture.
const DRAWN: &str = "drawn:";

/// Where a picture comes from: `drawn:KIND`, `drawn:KIND:SEED`, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A drawn scene, with its seed where that is not the run's.
    Scene(scenes::Kind, Option<u64>),
    /// A drawn texture, with its seed where that is not the run's.
    Texture(textures::Kind, Option<u64>),
    /// A PNG or JPEG file.
    File(PathBuf),
}

impl Origin {
    /// What a flag says.
    ///
    /// # Errors
    /// Nothing is drawn under this word, in the words of the flag.
    pub fn parse(flag: &str, text: &str) -> Result<Self, Failure> {
        let Some(drawn) = text.strip_prefix(DRAWN) else { return Ok(Self::File(text.into())) };
        let (word, seed) = drawn.split_once(':').map_or((drawn, None), |(word, seed)| (word, Some(seed)));
        let seed = seed.map(str::parse).transpose().map_err(|_| {
            Error::Call(format!("--{flag} {text}: expected drawn:KIND:SEED with a whole number for the seed"))
        })?;
        if let Some(&kind) = scenes::Kind::ALL.iter().find(|kind| kind.word() == word) {
            return Ok(Self::Scene(kind, seed));
        }
        if let Some(&kind) = textures::Kind::ALL.iter().find(|kind| kind.word() == word) {
            return Ok(Self::Texture(kind, seed));
        }
        let words = |kinds: &mut dyn Iterator<Item = &'static str>| kinds.collect::<Vec<_>>().join(", ");
        let message = format!(
            "--{flag} {text}: nothing is drawn under this name; expected a scene ({}), a texture ({}), or a file",
            words(&mut scenes::Kind::ALL.iter().map(|kind| kind.word())),
            words(&mut textures::Kind::ALL.iter().map(|kind| kind.word()))
        );
        Err(Error::Call(message).into())
    }

    /// Rows and columns. Drawn pictures have no size of their own: their longer side is `side`, scenes in 4:3, textures
    /// square.
    ///
    /// # Errors
    /// The file cannot be read, or does not decode.
    pub fn size(&self, flag: &str, side: usize) -> Result<[usize; 2], Failure> {
        match self {
            Self::Scene(..) => Ok([(side * 3).div_ceil(4), side]),
            Self::Texture(..) => Ok([side, side]),
            Self::File(_) => self.open(flag, side, 0).map(|picture| [picture.height, picture.width]),
        }
    }

    /// The picture in RGB, of [`Origin::size`].
    ///
    /// # Errors
    /// The file cannot be read, or does not decode.
    pub fn open(&self, flag: &str, side: usize, seed: u64) -> Result<Picture, Failure> {
        let path = match self {
            Self::Scene(kind, own) => {
                let [height, width] = self.size(flag, side)?;
                return Ok(scenes::draw(*kind, own.unwrap_or(seed), height, width));
            }
            Self::Texture(kind, own) => return Ok(textures::draw(*kind, own.unwrap_or(seed), side, side)),
            Self::File(path) => path,
        };
        let refuse = |reason: String| {
            let message = format!("--{flag} {self}: {reason}; expected a PNG or JPEG picture");
            Failure::from(one_line(&message))
        };
        let file = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        Ok(Picture::decode(&file).map_err(refuse)?.into_channels(3))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, seed) = match self {
            Self::Scene(kind, seed) => (kind.word(), seed),
            Self::Texture(kind, seed) => (kind.word(), seed),
            Self::File(path) => return write!(f, "{}", path.display()),
        };
        write!(f, "{DRAWN}{word}")?;
        seed.map_or(Ok(()), |seed| write!(f, ":{seed}"))
    }
}

/// What a state calls the checksums of pictures that flags name.
const PICTURES: &str = "pictures";

/// Pictures that flags name, as the state of a run remembers them: a checksum of each, by which another one under the same name is
/// known.
pub fn put_pictures<'a>(state: &mut State, pictures: impl IntoIterator<Item = (&'a Picture, &'a str)>) {
    let checksums = pictures.into_iter().map(|(picture, _)| checksum(picture)).collect::<Vec<_>>();
    state.put_integers(PICTURES, &[checksums.len()], checksums);
}

/// Checks that pictures, each with its name, are those of [`put_pictures`].
///
/// # Errors
/// [`StateError::Changed`] with the name of the first that is not.
pub fn check_pictures<'a>(
    state: &State,
    pictures: impl IntoIterator<Item = (&'a Picture, &'a str)>,
) -> Result<(), StateError> {
    let pictures: Vec<_> = pictures.into_iter().collect();
    let before = state.integers(PICTURES, &[pictures.len()])?;
    match pictures.iter().zip(before).find(|((picture, _), before)| checksum(picture) != **before) {
        Some(((_, name), _)) => Err(StateError::Changed((*name).to_owned())),
        None => Ok(()),
    }
}

fn checksum(picture: &Picture) -> i64 {
    crc32c::crc32c(&picture.pixels).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_picture_under_the_same_name_is_known() {
        let [one, other] = [1, 2].map(|value| Picture::new(1, 2, 3, vec![value; 6]));
        let mut state = State::new();
        put_pictures(&mut state, [(&one, "a.png"), (&other, "b.png")]);
        assert!(check_pictures(&state, [(&one, "a.png"), (&other, "b.png")]).is_ok());
        let changed = check_pictures(&state, [(&one, "a.png"), (&one, "b.png")]);
        assert_eq!(changed, Err(StateError::Changed("b.png".into())));
        assert!(matches!(check_pictures(&state, [(&one, "a.png")]), Err(StateError::Unexpected { .. })));
    }

    #[test]
    fn origins_are_written_as_they_are_read() {
        for text in ["drawn:harbour", "drawn:brush:2", "a/b.png", "drawn.png"] {
            assert_eq!(Origin::parse("style", text).unwrap().to_string(), text);
        }
        for text in ["drawn:", "drawn:photo", "drawn:brush:x", "drawn:brush:-1"] {
            let error = Origin::parse("style", text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--style {text}: ")), "{error}");
        }
    }
}
