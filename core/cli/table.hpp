// Text for people: tables whose columns fit, colours where a terminal shows them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace peerhold::cli {

// How the output shall look; pure renderers get it as a value.
struct Look {
  bool colour = false;
  unsigned width = 0;  // columns of the terminal; 0: not one, nothing is cut
  bool wrap = false;   // of the last column: broken into lines instead of cut
  WallTime now{};
};
// Of stdout: colour only on a terminal without NO_COLOR.
Look look_of_stdout();

enum class Colour : std::uint8_t { none, green, yellow, red };
std::string paint(std::string_view text, Colour, const Look&);

struct Cell {
  std::string text;
  Colour colour = Colour::none;
};
// Two blanks between columns; of a line that is too wide the last column is cut, with an ellipsis,
// or wrapped.
std::string render_table(const std::vector<std::vector<Cell>>& rows, const Look&);
// Columns that `text` takes: code points, the width of most scripts.
std::size_t columns(std::string_view text);

}  // namespace peerhold::cli
