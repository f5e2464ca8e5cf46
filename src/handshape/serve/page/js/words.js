/** Words to practise: those that can be spelled with the letters of a recogniser. */

const WORDS = (
  "bag bed face cage head badge beach cafe fig dice hide idea chief ice bee fade dad deaf bid aid egg " +
  "add age fed feed beef cab hid big dig gig had bad dab jab jam milk lake look book moon room noon lamp " +
  "sun sea star song sign hand home tree rain snow wind fish bird cat dog cow fox owl bear wolf goose " +
  "apple bread water tea coffee sugar salt lemon pear plum grape cherry school teacher friend family " +
  "mother father sister brother baby name good thank please hello morning night week month year summer " +
  "winter spring autumn red blue green yellow black white grey brown quiet quick jump zebra window door " +
  "table chair kitchen garden street city village bridge train bus bicycle box six seven eight nine zero"
).split(" ");

/**
 * @param {string[]} letters Letters of the recogniser.
 * @returns {string[]} Words of those letters only, in capitals.
 */
export function wordsOf(letters) {
  const known = new Set(letters.map((letter) => letter.toUpperCase()));
  return WORDS.map((word) => word.toUpperCase()).filter((word) => [...word].every((letter) => known.has(letter)));
}
