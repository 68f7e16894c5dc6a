// Durations, sizes, times and text between people and values. Called by config (reading) and by
// whatever prints. Times are RFC 3339.
#include "base/units.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <span>

namespace peerhold {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};
// The greatest first, for printing.
constexpr std::array<Unit, 5> time_units{
    {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 5> size_units{
    {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};
// A century: far from where milliseconds overflow the clocks, which count nanoseconds in 64 bits.
constexpr std::uint64_t longest = 36500ULL * 86400000ULL;

Result<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t most,
                            std::string_view example) {
  const auto wrong = [&](std::string_view why) {
    return Error{'"' + escape_control(text) + "\" " + std::string(why) +
                 "; write a whole number and a unit, such as " + std::string(example)};
  };
  std::size_t i = 0;
  std::uint64_t value = 0;
  bool overflow = false;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    const auto digit = static_cast<std::uint64_t>(text[i] - '0');
    overflow = overflow || value > (most - digit) / 10;
    if (!overflow) value = value * 10 + digit;
  }
  if (i == 0)
    return wrong(!text.empty() && text[0] == '-' ? "is negative" : "does not begin with a number");
  const std::string_view name = text.substr(i);
  if (name.empty()) return wrong("has no unit");
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == units.end()) return wrong("has a unit that is not known");
  if (overflow || value > most / unit->worth) return wrong("is too much");
  return value * unit->worth;
}

std::string format(std::uint64_t value, std::span<const Unit> units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return value % u.worth == 0; });
  return std::to_string(value / unit->worth) + std::string(unit->name);
}

// One character of UTF-8 (RFC 3629) at the beginning of `s`: its length and code point, or length 0
// where none is.
struct Decoded {
  std::size_t length = 0;
  std::uint32_t code = 0;
};
Decoded decode_utf8(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xf5   ? 0
                             : first >= 0xf0 ? 4
                             : first >= 0xe0 ? 3
                             : first >= 0xc2 ? 2
                                             : 0;
  if (length == 0 || s.size() < length) return {};
  std::uint32_t code = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {length, code};
}

// Steers a terminal, ends a line, or changes the order in which the rest is shown.
bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

std::size_t edit_distance(std::string_view a,
                          std::string_view b) {  // neighbours exchanged count as one edit
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

Result<Milliseconds> parse_duration(std::string_view text) {
  auto value = parse(text, time_units, longest, "\"500ms\", \"90s\", \"2m\", \"1h\" or \"1d\"");
  if (!value) return std::move(value).error();
  return Milliseconds(static_cast<std::int64_t>(*value));
}

std::string format_duration(Milliseconds d) {
  const auto count = d.count();
  if (count < 0) return '-' + format(0 - static_cast<std::uint64_t>(count), time_units, "0s");
  return format(static_cast<std::uint64_t>(count), time_units, "0s");
}

std::string format_age(Milliseconds d) {
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(d.count(), 0));
  for (std::size_t i = 0; i + 2 < time_units.size(); ++i) {  // two units, from days to seconds
    const Unit &unit = time_units[i], &next = time_units[i + 1];
    if (rest < unit.worth) continue;
    const std::uint64_t smaller = rest % unit.worth / next.worth;
    std::string text = std::to_string(rest / unit.worth) + std::string(unit.name);
    if (smaller > 0) text += std::to_string(smaller) + std::string(next.name);
    return text;
  }
  return std::to_string(rest / 1000) + 's';
}

std::string format_delay(Milliseconds d) {
  if (d < Milliseconds(1000)) return format_duration(d);
  const auto tenths = (d.count() + 50) / 100;
  if (tenths >= 600) return format_age(d);
  const std::string more = tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10);
  return std::to_string(tenths / 10) + more + 's';
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse(text, size_units, std::numeric_limits<std::uint64_t>::max(),
               "\"512B\", \"64KiB\", \"4MiB\" or \"1GiB\"");
}

std::string format_size(std::uint64_t size) {
  return format(size, size_units, "0B");
}

std::string format_time(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::string quoted(std::string_view text) {
  return '"' + escape_control(text) + '"';
}

std::string escape_control(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  char buffer[16];
  while (!text.empty()) {
    const Decoded c = decode_utf8(text);
    const std::size_t length = std::max<std::size_t>(c.length, 1);
    if (c.length == 0) {
      std::snprintf(buffer, sizeof buffer, "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(text[0])));
      out += buffer;
    } else if (!is_control(c.code)) {
      out += text.substr(0, length);
    } else if (c.code == '\n' || c.code == '\r' || c.code == '\t') {
      out += c.code == '\n' ? "\\n" : c.code == '\r' ? "\\r" : "\\t";
    } else {
      std::snprintf(buffer, sizeof buffer, c.code < 0x80 ? "\\x%02x" : "\\u%04x", c.code);
      out += buffer;
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  const std::string* best = nullptr;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    best = &candidate;
  }
  return best != nullptr ? *best : std::string();
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? std::string() : "; did you mean \"" + escape_control(near) + "\"?";
}

}  // namespace peerhold
