// Where the program's words go: answers to stdout, complaints to stderr. Used by every subcommand.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/units.hpp"
#include "cli/command.hpp"

namespace peerhold::cli {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

void complain(std::string_view text) {
  std::string line = "peerhold: ";
  // Several lines stay several lines; everything else that could steer a terminal is made visible.
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    line += escape_control(text.substr(start, end - start)) + "\n";
    start = end + 1;
  }
  write_all(STDERR_FILENO, line);
}

void complain_lines(std::string_view lines) {
  write_all(STDERR_FILENO, lines);
}

bool print(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return true;
  if (errno != EPIPE) complain(std::string("cannot write the answer: ") + std::strerror(errno));
  return false;
}

}  // namespace peerhold::cli
