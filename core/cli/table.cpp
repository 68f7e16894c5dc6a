// Renders tables. Pure but for look_of_stdout(). Used by status, plugins and key list.
#include "cli/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace peerhold::cli {
namespace {

constexpr std::size_t least_last = 16;  // what is left of the last column is never less

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::string cut(const std::string& text, std::size_t width) {
  if (columns(text) <= width) return text;
  std::size_t end = 0, n = 0;
  while (end < text.size()) {
    if (!continues(text[end]) && ++n == width) break;
    ++end;
  }
  return text.substr(0, end) + "\u2026";
}

// In lines of `width` columns, broken at spaces, all but the first behind `indent` spaces.
std::string wrap(const std::string& text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t at = 0;  // columns used in this line
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, end - start);
    if (at > 0 && at + 1 + columns(word) > width) {
      out += '\n' + std::string(indent, ' ');
      at = 0;
    }
    if (at > 0) out += ' ', ++at;
    out += word;
    at += columns(word);
    start = end + 1;
  }
  return out;
}

}  // namespace

Look look_of_stdout() {
  Look look;
  look.now = std::chrono::system_clock::now();
  if (::isatty(STDOUT_FILENO) == 0) return look;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  look.colour = (!no_colour || *no_colour == '\0') && std::string_view(term ? term : "") != "dumb";
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) look.width = size.ws_col;
  return look;
}

std::string paint(std::string_view text, Colour colour, const Look& look) {
  if (!look.colour || colour == Colour::none) return std::string(text);
  const char* code = colour == Colour::green ? "32" : colour == Colour::yellow ? "33" : "31";
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string render_table(const std::vector<std::vector<Cell>>& rows, const Look& look) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], columns(row[i].text));
    }
  std::string out;
  for (const auto& row : rows) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      std::string text = row[i].text;
      if (last && look.width > 0) {
        const std::size_t room = std::max(least_last, look.width > at ? look.width - at : 0);
        text = look.wrap ? wrap(text, room, at) : cut(text, room);
      }
      out += paint(text, row[i].colour, look);
      if (last) break;
      out.append(widths[i] + 2 - columns(text), ' ');
      at += widths[i] + 2;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  }
  return out;
}

}  // namespace peerhold::cli
