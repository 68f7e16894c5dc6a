#include <doctest/doctest.h>

#include "cli/command.hpp"

using namespace peerhold::cli;

namespace {

const std::vector<Command>& some() {
  static const std::vector<Command> all{
      {"status", "[NAME]", "shows", "More words.", {{"json", "", "for scripts"}}, 0, 1, nullptr},
      {"run",
       "[-c FILE]",
       "runs",
       "",
       {{"config,c", "FILE", "the file"}, {"plugin-dir", "DIR", "there", true}},
       0,
       0,
       nullptr},
      {"key list", "[CHAIN]", "lists", "", {}, 0, 1, nullptr},
      {"down", "NAME", "stops", "", {{"message", "TEXT", "words"}}, 1, 1, nullptr}};
  return all;
}

Parsed parse(const std::vector<std::string>& words, const std::string& environment = {}) {
  return parse_command_line(words, some(), environment, "1.2.3");
}

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a command, its options and its names") {
  const Parsed p = parse({"status", "edge1", "--json"});
  REQUIRE(p.command);
  CHECK(p.command->name == "status");
  CHECK(p.arguments.name() == "edge1");
  CHECK(p.arguments.has("json"));
  CHECK_FALSE(p.arguments.has("config"));
  CHECK(p.error.empty());
}

TEST_CASE("a command of two words; one of them alone is none") {
  const Parsed p = parse({"key", "list", "edge"});
  REQUIRE(p.command);
  CHECK(p.command->name == "key list");
  CHECK(p.arguments.name() == "edge");
  const Parsed alone = parse({"key"});
  CHECK_FALSE(alone.command);
  CHECK(has(alone.error, "key list"));
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"key", "--help"}, {"key", "-h"}, {"help", "key"}}) {
    const Parsed family = parse(words);
    CHECK(family.error.empty());
    CHECK(has(family.help, "  key list  lists\n"));
    CHECK_FALSE(has(family.help, "status"));
  }
  CHECK_FALSE(parse({"nosuch", "--help"}).error.empty());
}

TEST_CASE("options for all stand before or after the command") {
  for (const auto& words : std::vector<std::vector<std::string>>{{"--control", "/x", "status"},
                                                                 {"status", "--control", "/x"},
                                                                 {"status", "--control=/x"}}) {
    const Parsed p = parse(words, "/environment");
    REQUIRE(p.command);
    CHECK(p.arguments.control == "/x");
    CHECK(p.arguments.control_given);
  }
  CHECK(parse({"--version", "status"}).help == "peerhold 1.2.3\n");
  CHECK(parse({"status", "--version"}).help == "peerhold 1.2.3\n");
  CHECK(parse({"--version"}).help == "peerhold 1.2.3\n");
  CHECK(has(parse({"status", "--help"}).help, "More words."));
  CHECK(has(parse({"--help"}).help, "key list"));
}

TEST_CASE("where the control socket is") {
  CHECK(parse({"status"}).arguments.control == "/run/peerhold/control.sock");
  CHECK(parse({"status"}, "/environment").arguments.control == "/environment");
  CHECK_FALSE(parse({"status"}, "/environment").arguments.control_given);
  CHECK_FALSE(parse({"status", "--control", ""}).error.empty());
}

TEST_CASE("-c, and options that may be repeated") {
  const Parsed p = parse({"run", "-c", "f.toml", "--plugin-dir", "a", "--plugin-dir", "b"});
  REQUIRE(p.command);
  CHECK(p.arguments.value("config") == "f.toml");
  CHECK(p.arguments.values("plugin-dir") == std::vector<std::string>{"a", "b"});
  CHECK(parse({"run"}).arguments.value("config", "default") == "default");
}

TEST_CASE("nothing at all is the help, as an error") {
  const Parsed p = parse({});
  CHECK_FALSE(p.command);
  CHECK(p.help.empty());
  CHECK(p.error == program_help(some()));
  CHECK(has(parse({"--control", "/x"}).error, "no command is given"));
}

TEST_CASE("what is wrong is named, and nothing runs") {
  const auto wrong = [](const std::vector<std::string>& words, const char* part) {
    const Parsed p = parse(words);
    CHECK_FALSE(p.command);
    CHECK(p.help.empty());
    CHECK_MESSAGE(has(p.error, part), p.error);
  };
  wrong({"stauts"}, "did you mean \"status\"");
  wrong({"no\x1bsuch"}, "\\x1b");
  wrong({"status", "--jsno"}, "jsno");
  wrong({"--json", "status"}, "--json");
  wrong({"status", "a", "b"}, "\"b\" is too much");
  wrong({"down"}, "usage: peerhold down NAME");
  wrong({"down", "x", "--message"}, "message");
  wrong({"status", "--js"}, "--js");  // no guessing: a later option could take its place
  wrong({"run", "-c", "a", "-c", "b"}, "config");
}

TEST_CASE("what is mistyped is named, with the nearest right word and where to read on") {
  CHECK(parse({"statsu"}).error == "there is no command \"statsu\"; did you mean \"status\"?");
  CHECK(parse({"quux"}).error == "there is no command \"quux\"; `peerhold --help` lists them");
  CHECK(parse({"status", "--jsn"}).error ==
        "there is no option --jsn; did you mean --json? See `peerhold status --help`");
  CHECK(has(parse({"status", "--quux"}).error, "no option --quux; see `peerhold status --help`"));
  CHECK(has(parse({"run", "-c"}).error, "see `peerhold run --help`"));
  CHECK(has(parse({"--control", "status"}).error, "no command is given"));
}

TEST_CASE("help is found where people look for it, in the usual form") {
  CHECK(parse({"help"}).help == parse({"--help"}).help);
  CHECK(parse({"help", "status"}).help == parse({"status", "--help"}).help);
  CHECK(parse({"help", "key", "list"}).help == parse({"key", "list", "--help"}).help);
  CHECK(has(parse({"run", "--help"}).help, "  -c, --config FILE  "));
  CHECK_FALSE(has(parse({"run", "--help"}).help, "[ --"));
}
