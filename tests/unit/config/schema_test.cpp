#include <doctest/doctest.h>

#include <algorithm>

#include "config/config.hpp"
#include "config/toml.hpp"

using namespace peerhold;

namespace {

Option option(OptionType type, const char* name, const char* default_text = "") {
  Option o;
  o.type = type;
  o.name = name;
  o.default_text = default_text;
  return o;
}

Value tree(std::string text) {
  std::vector<Diagnostic> out;
  Value value = parse_toml(text, "f.toml", out);
  REQUIRE(out.empty());
  return value;
}

struct Outcome {
  Checked checked;
  std::vector<Diagnostic> said;
};

Outcome check(const Schema& schema, const std::string& text) {
  Outcome o;
  const Value value = tree(text);
  o.checked = check_table(schema, &value, "thing \"x\"", {"f.toml", 1, 1}, o.said);
  return o;
}

}  // namespace

TEST_CASE("every type is read, with its place and origin") {
  Option list = option(OptionType::list, "list"), choice = option(OptionType::choice, "choice");
  choice.choices = {"a", "b"};
  const Schema schema = {option(OptionType::boolean, "yes"),
                         option(OptionType::integer, "int"),
                         option(OptionType::duration, "time"),
                         option(OptionType::bytes, "size"),
                         option(OptionType::string, "text"),
                         choice,
                         list,
                         option(OptionType::endpoint, "where"),
                         option(OptionType::real, "real"),
                         option(OptionType::time, "start"),
                         option(OptionType::map, "map")};
  const Outcome o = check(
      schema,
      "yes = true\nint = -5\ntime = \"120s\"\nsize = \"1024KiB\"\ntext = \"t\"\nchoice = \"b\"\n"
      "list = [\"p\", \"q\"]\nwhere = \"[::1]:5\"\nreal = 2\nstart = 1970-01-01T02:00:01+02:00\n"
      "map = {n = \"v\"}\n");
  CHECK(o.said.empty());
  const auto& slots = o.checked.slots;
  REQUIRE(slots.size() == schema.size());
  for (const auto& slot : slots) CHECK(slot.present);
  CHECK(slots[0].number == 1);
  CHECK(slots[1].number == -5);
  CHECK(slots[2].number == 120000);
  CHECK(slots[2].text == "2m");
  CHECK(slots[3].number == 1 << 20);
  CHECK(slots[3].text == "1MiB");
  CHECK(slots[4].text == "t");
  CHECK(slots[5].number == 1);
  CHECK(slots[6].items == std::vector<std::string>{"p", "q"});
  CHECK(slots[7].text == "[::1]:5");
  CHECK(slots[8].real == 2.0);
  CHECK(slots[8].text == "2.0");
  CHECK(slots[9].number == 1);
  CHECK(slots[10].items == std::vector<std::string>{"n", "v"});
  CHECK(slots[3].at == Location{"f.toml", 4, 8});
  CHECK(slots[3].origin == "f.toml:4");
}

TEST_CASE("defaults are literals, and say so") {
  Option list = option(OptionType::list, "list", "[\"a\"]");
  const Schema schema = {option(OptionType::duration, "time", "\"90s\""),
                         option(OptionType::string, "none"), list};
  std::vector<Diagnostic> said;
  const Checked c = check_table(schema, nullptr, "x", {"f.toml", 3, 1}, said);
  CHECK(said.empty());
  CHECK(c.slots[0].number == 90000);
  CHECK(c.slots[0].origin == "default");
  CHECK(c.slots[0].at == Location{"f.toml", 3, 1});
  CHECK_FALSE(c.slots[1].present);
  CHECK(c.slots[2].items == std::vector<std::string>{"a"});
}

TEST_CASE("a default that is no literal or of another type is the plugin's mistake, and told") {
  for (const char* literal : {"90s", "90", "", "\"a\" b"}) {
    std::vector<Diagnostic> said;
    check_table({option(OptionType::duration, "time", literal)}, nullptr, "x", {}, said);
    CHECK_MESSAGE(said.empty() == (std::string(literal).empty()), literal);
  }
}

TEST_CASE("words among numbers") {
  Option as = option(OptionType::integer, "as");
  as.min = 1;
  as.max = 10;
  as.choices = {"any", "other"};
  CHECK(check({as}, "as = \"other\"").checked.slots[0].number == -2);
  CHECK(check({as}, "as = 7").checked.slots[0].number == 7);
  CHECK(check({as}, "as = \"some\"").said.size() == 1);
  CHECK(check({as}, "as = -1").said.size() == 1);
  Option limit = option(OptionType::duration, "limit", "\"none\"");
  limit.min = 1000;
  CHECK(check({limit}, "").checked.slots[0].number == -1);
  CHECK(check({limit}, "limit = \"none\"").checked.slots[0].number == -1);
  CHECK(check({limit}, "limit = \"none\"").checked == check({limit}, "").checked);
  CHECK(check({option(OptionType::duration, "limit")}, "limit = \"none\"").said.size() == 1);
}

TEST_CASE("ranges are inclusive, both zero is none") {
  Option n = option(OptionType::integer, "n");
  CHECK(check({n}, "n = -9223372036854775808").said.empty());
  n.min = 1;
  n.max = 3;
  CHECK(check({n}, "n = 1").said.empty());
  CHECK(check({n}, "n = 3").said.empty());
  CHECK(check({n}, "n = 0").said.size() == 1);
  CHECK(check({n}, "n = 4").said.size() == 1);
  Option items = option(OptionType::list, "n");
  items.item = OptionType::integer;
  items.min = 1;
  items.max = 3;
  CHECK(check({items}, "n = [1, 2, 3]").checked.slots[0].items.size() == 3);
  CHECK(check({items}, "n = [1, 4, 0]").said.size() == 2);
}

TEST_CASE("tables within tables, and lists of tables") {
  Option inner = option(OptionType::integer, "deep", "5"), table = option(OptionType::table, "t");
  table.fields = {inner};
  Option need = option(OptionType::string, "need"), rows = option(OptionType::tables, "row");
  need.required = true;
  rows.fields = {need, inner};
  const Schema schema = {table, rows};
  Outcome o = check(schema, "[t]\ndeep = 6\n[[row]]\nneed = \"a\"\n[[row]]\ndeep = 7\n");
  REQUIRE(o.said.size() == 1);
  CHECK(o.said[0].text.find("thing \"x\": row[2].need is required") == 0);
  CHECK(o.said[0].at.line == 5);
  CHECK(o.checked.slots[0].tables[0].slots[0].number == 6);
  CHECK(o.checked.slots[1].tables[0].slots[1].number == 5);
  CHECK(o.checked.slots[1].tables[1].slots[1].number == 7);
  o = check(schema, "");
  CHECK(o.checked.slots[0].tables[0].slots[0].number == 5);  // absent is as empty
  CHECK(o.checked.slots[1].tables.empty());
}

TEST_CASE("an absent table with keys that must be given") {
  Option need = option(OptionType::string, "need"), table = option(OptionType::table, "t");
  need.required = true;
  table.fields = {need};
  Outcome o = check({table}, "");
  CHECK(o.said.empty());
  CHECK_FALSE(o.checked.slots[0].present);
  table.required = true;
  o = check({table}, "");
  REQUIRE(o.said.size() == 1);
  CHECK(o.said[0].text.find("t.need is required") != std::string::npos);
}

TEST_CASE("unknown keys are told with the nearest known one, wherever they stand") {
  Option table = option(OptionType::table, "table");
  table.fields = {option(OptionType::integer, "number")};
  const Outcome o = check({table, option(OptionType::string, "name")},
                          "nmae = 1\n[table]\nnumbr = 2\nxyzzyxyzzy = 3\n");
  REQUIRE(o.said.size() == 3);
  CHECK(o.said[0].text == "thing \"x\": unknown key \"nmae\"; did you mean \"name\"?");
  CHECK(o.said[0].at == Location{"f.toml", 1, 1});
  CHECK(o.said[1].text ==
        "thing \"x\": unknown key \"table.numbr\"; did you mean \"table.number\"?");
  CHECK(o.said[2].text == "thing \"x\": unknown key \"table.xyzzyxyzzy\"; remove it");
}

TEST_CASE("what is checked compares by content, not by place or origin") {
  const Schema schema = {option(OptionType::integer, "n", "5"), option(OptionType::duration, "d")};
  CHECK(check(schema, "n = 5\nd = \"60s\"").checked == check(schema, "\n\n\nd = \"1m\"").checked);
  CHECK_FALSE(check(schema, "n = 6\nd = \"60s\"").checked == check(schema, "d = \"1m\"").checked);
  CHECK_FALSE(check(schema, "").checked == check(schema, "d = \"1m\"").checked);
}

TEST_CASE("what is kept of a running session's options is what differs, and reads the same") {
  Option number = option(OptionType::integer, "n"), text = option(OptionType::string, "t"),
         inner = option(OptionType::integer, "i"), table = option(OptionType::table, "table");
  number.default_text = "5";
  inner.default_text = "6";
  table.fields = {inner};
  const Schema schema = {number, text, table};
  const Checked defaults = check(schema, "").checked;
  for (const char* given : {"", "n = 5", "n = 7", "t = \"x\"", "table = {i = 8}",
                            "n = 1\nt = \"y\"\ntable = {i = 9}"}) {
    CAPTURE(given);
    const Checked whole = check(schema, given).checked;
    Checked kept = whole;
    kept.keep_given(defaults);
    REQUIRE(kept.size() == schema.size());
    for (std::size_t i = 0; i < schema.size(); ++i) {
      CHECK(kept.slot(i) == whole.slot(i));
      CHECK((std::ranges::find(kept.given, i) != kept.given.end()) ==
            !(whole.slot(i) == defaults.slot(i)));
    }
    CHECK(kept.slots.size() == kept.given.size());
    CHECK(kept == whole);
    CHECK(whole == kept);
    CHECK_FALSE(kept == check(schema, "n = 6").checked);
    const Checked copy = kept;
    kept.keep_given(defaults);
    CHECK(kept.given == copy.given);  // once is enough
    for (const auto& slot : kept.slots) CHECK(slot.origin.empty());
  }
}

TEST_CASE("texts show control characters, and never the value of what should be text") {
  Option choice = option(OptionType::choice, "c");
  choice.choices = {"a"};
  const Outcome o = check({choice}, "c = \"\\u001b[31m\"\n");
  REQUIRE(o.said.size() == 1);
  CHECK(o.said[0].text.find('\x1b') == std::string::npos);
  const Outcome p = check({option(OptionType::string, "secret")}, "secret = 987654321\n");
  REQUIRE(p.said.size() == 1);
  CHECK(p.said[0].text.find("987654321") == std::string::npos);
}

TEST_CASE("every option of the core has help and a default that can be read") {
  for (const Schema* schema :
       {&keeper_schema(), &session_schema(), &keychain_schema(), &listen_schema()}) {
    Schema optional = *schema;
    for (Option& o : optional) {
      CHECK_MESSAGE(!o.help.empty(), o.name);
      o.required = false;
    }
    std::vector<Diagnostic> said;
    check_table(optional, nullptr, "x", {}, said);
    CHECK(said.empty());
  }
}
