#include <doctest/doctest.h>

#include "config/toml.hpp"

using namespace peerhold;

namespace {

Value parse(std::string text, std::vector<Diagnostic>* said = nullptr) {
  std::vector<Diagnostic> out;
  Value value = parse_toml(text, "f", out);
  if (said) *said = out;
  return value;
}

}  // namespace

TEST_CASE("entries keep the file's order and their places") {
  const Value v = parse(
      "zeta = 1\nalpha = \"x\"\n[table]\nkey = [1, 2.5, true]\n[[rows]]\n[[rows]]\nb.c = 3\n");
  const Tree& tree = std::get<Tree>(v.v);
  REQUIRE(tree.size() == 4);
  CHECK(tree[0].key == "zeta");
  CHECK(tree[1].key == "alpha");
  CHECK(tree[1].value.at == Location{"f", 2, 9});
  CHECK(tree[2].at == Location{"f", 3, 2});
  const Array& items = std::get<Array>(v.find("table")->find("key")->v);
  CHECK(std::get<std::int64_t>(items[0].v) == 1);
  CHECK(std::get<double>(items[1].v) == 2.5);
  CHECK(std::get<bool>(items[2].v));
  CHECK(items[1].at == Location{"f", 4, 11});
  const Array& rows = std::get<Array>(v.find("rows")->v);
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].at.line == 6);
  CHECK(std::get<std::int64_t>(rows[1].find("b")->find("c")->v) == 3);
  CHECK(v.find("nothing") == nullptr);
  CHECK(items[0].find("x") == nullptr);
}

TEST_CASE("times are seconds since 1970, and know whether they had an offset") {
  const Value v = parse(
      "a = 2027-01-01T00:00:00Z\nb = 2027-01-01T01:30:00+01:30\nc = 2027-01-01T00:00:00\nd = "
      "2027-01-01\n");
  const DateTime a = std::get<DateTime>(v.find("a")->v);
  CHECK(a.unix_seconds == 1798761600);
  CHECK(a.has_offset);
  CHECK(std::get<DateTime>(v.find("b")->v) == a);
  CHECK_FALSE(std::get<DateTime>(v.find("c")->v).has_offset);
  CHECK_FALSE(std::get<DateTime>(v.find("d")->v).has_offset);
}

TEST_CASE("values compare by content") {
  CHECK(parse("a = 1\n[t]\nx = \"y\"") == parse("\na = 1 # c\n\n[t]\n  x = 'y'"));
  CHECK_FALSE(parse("a = 1") == parse("a = 2"));
  CHECK_FALSE(parse("a = 1") == parse("a = 1.0"));
  CHECK_FALSE(parse("a = 1") == parse("b = 1"));
}

TEST_CASE("the text is wiped, whether it could be parsed or not") {
  for (std::string text : {std::string("[a]\nsecret = \"hunter2hunter2hunter2\"\n"),
                           std::string("secret = hunter2hunter2\n")}) {
    std::vector<Diagnostic> out;
    parse_toml(text, "f", out);
    CHECK(text.find_first_not_of('\0') == std::string::npos);
  }
}

TEST_CASE("a syntax error has its place, and shows no secret") {
  std::vector<Diagnostic> said;
  parse("a = 1\nb = = 2\n", &said);
  REQUIRE(said.size() == 1);
  CHECK(said[0].at.line == 2);
  CHECK(said[0].severity == Diagnostic::error);
  parse("secret = hunter2\n", &said);
  REQUIRE(said.size() == 1);
  CHECK(said[0].text.find("hunter") == std::string::npos);
}

TEST_CASE("literals") {
  CHECK(std::get<std::string>(parse_toml_literal("\"90s\"")->v) == "90s");
  CHECK(std::get<std::int64_t>(parse_toml_literal("7")->v) == 7);
  CHECK_FALSE(parse_toml_literal("90s"));
  CHECK_FALSE(parse_toml_literal("1\nw = 2"));
  CHECK_FALSE(parse_toml_literal(""));
}

TEST_CASE("a table header without a key is an error with its place, not the end of the process") {
  for (const char* header :
       {"[", "[ ", "[.a]", "[[", "[[]]", "[]", "[#a]", "[=]", "[[.]]", "[\x01"}) {
    std::vector<Diagnostic> said;
    parse(std::string("a = 1\n") + header + "\n[t]\nb = 1\n", &said);
    REQUIRE_MESSAGE(said.size() == 1, header);
    CHECK_MESSAGE(said[0].at.line == 2, header);
  }
  std::vector<Diagnostic> said;
  parse("[", &said);
  CHECK(said.size() == 1);
}

TEST_CASE("letters beyond ASCII where none may stand are an error") {
  for (const char* line : {"a = \u00e9", "\u00e9 = 1", "a = 1 \u00e9", "a = 1\u2123", "[\u00e9]",
                           "a = [1, \u0100]", "[a\u0fff]"}) {
    std::vector<Diagnostic> said;
    parse(std::string("b = \"\u00e9\" # \u00e9\n") + line + "\n", &said);
    REQUIRE_MESSAGE(said.size() == 1, line);
    CHECK_MESSAGE(said[0].at.line == 2, line);
  }
}
