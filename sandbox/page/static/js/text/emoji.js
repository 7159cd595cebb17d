/** The emoji that can be picked and written as :name:. */

const TABLE =
  "👍 thumbsup +1|👎 thumbsdown -1|❤️ heart|😂 joy|😄 smile|😀 grinning|😅 sweat_smile|🙂 slight_smile|😉 wink|😍 heart_eyes|🤔 thinking|😮 open_mouth|😢 cry|😭 sob|😡 rage|😎 sunglasses|🥳 partying_face|🤯 exploding_head|🙏 pray|👏 clap|🙌 raised_hands|👋 wave|💪 muscle|👀 eyes|🔥 fire|✨ sparkles|🎉 tada|💯 100|✅ white_check_mark|❌ x|⚠️ warning|❓ question|❗ exclamation|⭐ star|🚀 rocket|🐛 bug|💡 bulb|🎵 musical_note|🎶 notes|🎧 headphones|🎸 guitar|🎮 video_game|🎲 game_die|🏆 trophy|🛠️ tools|⚒️ hammer_and_pick|⚔️ crossed_swords|🛡️ shield|🏹 bow_and_arrow|🗡️ dagger|🧪 test_tube|📜 scroll|📦 package|📌 pushpin|🔒 lock|🔓 unlock|🔍 mag|📝 memo|📈 chart_with_upwards_trend|💬 speech_balloon|🕒 clock3|⏳ hourglass_flowing_sand|🌍 earth_africa|🌙 crescent_moon|☀️ sunny|🌈 rainbow|🐉 dragon|🐱 cat|🐶 dog|🦊 fox|🍕 pizza|🍞 bread|☕ coffee|🍺 beer|🎂 cake|🧵 thread|🔄 arrows_counterclockwise|➕ heavy_plus_sign|➖ heavy_minus_sign|🟢 green_circle|🔴 red_circle|🟡 yellow_circle|🔵 blue_circle|💎 gem|🪙 coin|🏰 european_castle";

/** [{char, names}] in the order of the picker. */
export const EMOJI = TABLE.split("|").map((entry) => {
  const [char, ...names] = entry.split(" ");
  return { char, names };
});
const byName = new Map(EMOJI.flatMap(({ char, names }) => names.map((name) => [name, char])));

export function emojiNamed(name) {
  return byName.get(name) ?? null;
}

/** Whether a text is emoji alone (up to 27), so that they are shown large. */
export function onlyEmoji(text) {
  return /^(?:\s|\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f|[\u{1f1e6}-\u{1f1ff}]|<a?:\w+:\d+>){1,120}$/u.test(text) && /\p{Extended_Pictographic}|<a?:/u.test(text);
}
