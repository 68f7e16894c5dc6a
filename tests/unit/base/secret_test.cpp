// Secrets stand in their own pages and leave nothing behind; their written forms are exact.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "base/secret_text.hpp"

namespace peerhold {
namespace {

using Bytes = std::vector<unsigned char>;

Bytes bytes(std::string_view text) {
  return Bytes(text.begin(), text.end());
}

Secret secret(std::string_view text) {
  Bytes b = bytes(text);
  auto s = Secret::take(b);
  REQUIRE(s);
  return std::move(*s);
}

std::string shown(const Secret& s) {
  return s.use([](std::span<const unsigned char> b) { return std::string(b.begin(), b.end()); });
}

// What parse_secret makes of `text`: the secret, or "error: …".
std::string parsed(std::string_view text, std::string* warning = nullptr) {
  Bytes b = bytes(text);
  auto r = parse_secret(b);
  CHECK(b == Bytes(b.size(), 0));  // wiped, whatever came of it
  if (!r) return "error: " + r.error().text;
  if (warning != nullptr) *warning = r->warning;
  return shown(r->secret);
}

bool is_refused(const std::string& text) {
  return text.rfind("error: ", 0) == 0;
}

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);

TEST_CASE("taking a secret wipes its source") {
  Bytes source = bytes("hunter2");
  auto s = Secret::take(source);
  REQUIRE(s);
  CHECK(source == Bytes(7, 0));
  CHECK(shown(*s) == "hunter2");
}

TEST_CASE("a key has 1 to 80 bytes") {
  Bytes none, most(80, 'x'), over(81, 'x');
  CHECK_FALSE(Secret::take(none));
  CHECK(Secret::take(most));
  CHECK_FALSE(Secret::take(over));
  CHECK(over == Bytes(81, 0));
}

TEST_CASE("a secret's slot is empty once it is gone, and a move leaves nothing") {
  const unsigned char* slot = nullptr;
  {
    Secret a = secret("hunter2");
    slot = a.use([](auto b) { return b.data(); });
    Secret b = std::move(a);
    CHECK_FALSE(a);  // NOLINT(bugprone-use-after-move): what is asked here
    CHECK(b.size() == 7);
    CHECK(std::memcmp(slot, "hunter2", 7) == 0);  // negative control: this is where it stands
    Secret c = secret("another");
    c = std::move(b);
    CHECK(shown(c) == "hunter2");
  }
  // The pool's pages stay mapped.
  CHECK(Bytes(slot, slot + Secret::max_size) == Bytes(Secret::max_size, 0));
}

TEST_CASE("clones are the same and live alone") {
  Secret a = secret("hunter2");
  Secret b = a.clone();
  CHECK(a.same(b));
  a = Secret();
  CHECK(shown(b) == "hunter2");
  CHECK_FALSE(a.same(b));
  CHECK(a.same(Secret()));
  CHECK_FALSE(b.same(secret("hunter3")));
  CHECK_FALSE(b.same(secret(std::string_view("hunter2\0", 8))));
}

TEST_CASE("random secrets differ") {
  const Secret a = Secret::random(80), b = Secret::random(80);
  CHECK(a.size() == 80);
  CHECK_FALSE(a.same(b));
}

TEST_CASE("many secrets at once, each in a slot of its own") {
  std::vector<Secret> all;
  for (int i = 0; i < 500; ++i) all.push_back(secret("secret " + std::to_string(i)));
  for (int i = 0; i < 500; ++i)
    CHECK(shown(all[static_cast<std::size_t>(i)]) == "secret " + std::to_string(i));
}

// VmFlags of the mapping that holds `p`.
std::string flags_of(const void* p) {
  std::ifstream smaps("/proc/self/smaps");
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t from = 0, to = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> from >> dash >> to && dash == '-')
      inside = from <= address && address < to;
    if (inside && line.rfind("VmFlags:", 0) == 0) return line + ' ';
  }
  return {};
}

TEST_CASE("core dumps leave the pages of secrets out") {
  const Secret s = secret("hunter2");
  CHECK(flags_of(s.use([](auto b) { return b.data(); })).find(" dd ") != std::string::npos);
  const int on_the_stack = 0;
  CHECK(flags_of(&on_the_stack).find(" dd ") == std::string::npos);  // negative control
}

TEST_CASE("text stands as it is, one newline dropped") {
  std::string warning;
  CHECK(parsed("hunter2", &warning) == "hunter2");
  CHECK(warning.empty());
  CHECK(parsed("hunter2\n", &warning) == "hunter2");
  CHECK(warning.empty());
  CHECK(parsed(" a b#\"c", &warning) == " a b#\"c");
  CHECK(warning.empty());
  CHECK(parsed(std::string_view("a\0b", 3)) == std::string("a\0b", 3));
}

TEST_CASE("odd ends are kept and warned of") {
  std::string warning;
  struct Case {
    const char *text, *secret, *word;
  };
  for (const auto& [text, secret, word] : {Case{"k\r\n", "k\r", "carriage return"},
                                           {"k ", "k ", "space"},
                                           {"k \n", "k ", "space"},
                                           {"k\t", "k\t", "tab"},
                                           {"k\n\n", "k\n", "second newline"}}) {
    CHECK(parsed(text, &warning) == secret);
    CHECK(warning.find(word) != std::string::npos);
  }
}

TEST_CASE("hex, base64 and the escape") {
  CHECK(parsed("hex:00fF7a\n") == std::string("\x00\xff\x7a", 3));
  CHECK(parsed("base64:aHVudGVyMg==") == "hunter2");
  CHECK(parsed("base64:aHVudGVyMg") == "hunter2");
  CHECK(parsed("base64:+/8=") == "\xfb\xff");
  CHECK(parsed("text:hex:00") == "hex:00");
  CHECK(parsed("text:text:") == "text:");
  CHECK(parsed("Hex:00") == "Hex:00");  // only the exact word is a prefix
  std::string warning;
  CHECK(parsed("hex:6869\r\n", &warning) == "hi");
  CHECK(warning.find("ignored") != std::string::npos);
  const std::string longest(80, 'x');
  CHECK(parsed("text:" + longest + "\n") == longest);
}

TEST_CASE("what is no secret is refused, and the text shows none of it") {
  for (const char* text : {"", "\n", "hex:", "base64:", "text:", "hex:123", "hex:zq", "hex:q 9",
                           "base64:q", "base64:qq=", "base64:qqq==", "base64:qq===", "base64:qr==",
                           "base64:q-_q", "base64:=", "base64:qq==qq=="}) {
    CAPTURE(text);
    CHECK(is_refused(parsed(text)));
  }
  const std::string message = parsed("hex:zqzqzqzq");
  CHECK(is_refused(message));
  CHECK(message.find("zq") == std::string::npos);
  CHECK(is_refused(parsed(std::string(81, 'x'))));
  CHECK(is_refused(parsed("hex:" + std::string(162, '1'))));
}

}  // namespace
}  // namespace peerhold
