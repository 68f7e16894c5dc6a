// `peerhold key generate`: a new key in a new file. Called by main. Letters and digits only: what
// every router's configuration takes without quoting; the first is a letter, since some take a
// leading digit for a kind of encoding.
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/fd.hpp"
#include "base/secret.hpp"
#include "cli/commands.hpp"

namespace peerhold::cli {
namespace {

constexpr std::string_view symbols =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t letters = 52;
constexpr unsigned shortest = 8;

// Each of the first `n` symbols with the same chance.
char pick(std::size_t n) {
  for (;;) {
    unsigned char byte = 0;
    if (getrandom(&byte, 1, 0) != 1) continue;
    if (byte < 256 / n * n) return symbols[byte % n];
  }
}

int refuse(const std::string& file, int err, const char* what) {
  complain(
      error_from_errno(err, std::string(what) + " " + file).text +
      (err == EEXIST ? "; a key is never written over another: give a name that is free" : ""));
  return failed;
}

int write_key(const std::string& file, std::size_t length) {
  Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return refuse(file, errno, "cannot make");
  std::array<char, Secret::max_size + 1> key{};
  for (std::size_t i = 0; i < length; ++i) key[i] = pick(i == 0 ? letters : symbols.size());
  key[length] = '\n';
  const ssize_t written = ::write(fd.get(), key.data(), length + 1);
  const int err = written < 0 ? errno : ENOSPC;
  wipe(key.data(), key.size());
  if (written != static_cast<ssize_t>(length + 1) || ::fsync(fd.get()) != 0) {
    ::unlink(file.c_str());  // ours: it was not there before
    return refuse(file, written == static_cast<ssize_t>(length + 1) ? errno : err, "cannot write");
  }
  return print(file + "\n") ? ok : failed;
}

int run_key_generate(const Arguments& arguments) {
  const std::string text = arguments.value("length", "24");
  unsigned length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size() || length < shortest ||
      length > Secret::max_size) {
    complain("--length must be a whole number from 8 to 80");
    return usage;
  }
  return write_key(arguments.name().empty() ? "peerhold.key" : arguments.name(), length);
}

}  // namespace

Command key_generate_command() {
  return {"key generate",
          "[FILE] [--length N]",
          "makes a key of letters and digits, as routers take it, in a new file",
          "The file (./peerhold.key unless one is given) has mode 0600 and must not be there yet;\n"
          "its name is printed, the key is not. 24 characters fit every router.\n\n"
          "Exit: 0, 1 the file is there already or cannot be written, 2 wrong use.\n\n"
          "Examples:\n"
          "  sudo -u peerhold peerhold key generate /etc/peerhold/keys/edge.2",
          {{"length", "N", "how many characters, 8 to 80 (default: 24)"}},
          0,
          1,
          run_key_generate};
}

}  // namespace peerhold::cli
