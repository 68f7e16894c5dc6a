// What is refused at load, in which words; and what must not be.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>

#include "loading.hpp"
#include "plugin/options.hpp"
#include "plugin/plugins.hpp"

using namespace peerhold;

namespace {

std::string refusal(const std::string& name) {
  const PluginDir dir;
  const auto library = dir.load(name);
  if (library) return "it loads";
  CHECK(library.error().text.find(name + ".so") != std::string::npos);
  CHECK(library.error().cause == Cause::resource);
  return library.error().text;
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
#define REFUSED(name, words) CHECK_MESSAGE(has(refusal(name), words), refusal(name))

SessionConfig session_with(const Library& library, std::int64_t a) {
  SessionConfig session;
  session.name = "s";
  session.at = {"f", 3, 1};
  std::vector<Diagnostic> none;
  session.options = check_table(library.facts().schema, nullptr, "s", {"f", 3, 1}, none);
  session.options.slots[0].number = a;
  session.options.slots[0].at = {"f", 4, 5};
  return session;
}

}  // namespace

TEST_CASE("what is no plugin, or one for somebody else") {
  REFUSED("no_symbol", "has no symbol peerhold_plugin_1");
  REFUSED("wrong_major", "is built for version 2 of the plugin interface");
  REFUSED("unresolved", "nobody_has_this");
  const auto missing = Library::load("/nowhere/x.so");
  REQUIRE_FALSE(missing);
  CHECK(has(missing.error().text, "plugin file /nowhere/x.so"));
}

TEST_CASE("nonsense in the descriptor") {
  const char* words[] = {"name must be",    "name must be",  "\"retry\" is a key of every session",
                         "must be given",   "no link mode",  "on_data must be given",
                         "metric 1",        "struct_size 0", "abi_major is 2",
                         "options is NULL", "default_port"};
  for (int i = 0; i < 11; ++i) REFUSED("descriptor_" + std::to_string(i + 1), words[i]);
}

TEST_CASE("nonsense in the options names the option") {
  const char* words[] = {"option 2 has no name",
                         "option 2 has no name",
                         "option mode is declared twice",
                         "type that this",
                         "required and has a default",
                         "min above its max",
                         "choice of nothing",
                         "default that is not valid",
                         "default that is not valid",
                         "default that is not valid",
                         "table without fields",
                         "list of what no list holds",
                         "no help text",
                         "has fields but is no table"};
  for (int i = 0; i < 14; ++i) {
    const auto name = "schema_" + std::to_string(i + 1);
    REFUSED(name, words[i]);
    if (i > 2) REFUSED(name, "option bad ");
  }
}

TEST_CASE("a file or directory that others may write is not loaded") {
  const PluginDir dir;
  const auto file = dir.put("good");
  const auto refused = [&](const std::string& words) {
    const auto library = Library::load(file);
    if (library) return false;
    CHECK_MESSAGE(has(library.error().text, words), library.error().text);
    return true;
  };
  REQUIRE(::chmod(file.c_str(), 0666) == 0);
  CHECK(refused("may be written by others"));
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  REQUIRE(::chmod(dir.path.c_str(), 0757) == 0);
  CHECK(refused("directory " + dir.path.string() + " (mode 0757) may be written by others"));
  REQUIRE(::chmod(dir.path.c_str(), 0700) == 0);

  if (::geteuid() == 0) {  // needs files of others
    REQUIRE(::chown(file.c_str(), 0, 4711) == 0);
    REQUIRE(::chmod(file.c_str(), 0664) == 0);
    CHECK(refused("may be written by group 4711"));
    REQUIRE(::chown(file.c_str(), 4711, 0) == 0);
    CHECK(refused("belongs to uid 4711"));
    REQUIRE(::chown(file.c_str(), 0, 0) == 0);  // root's group may write
  }
  CHECK_FALSE(refused(""));
}

TEST_CASE("a link from a directory that others may write does not hide where it stands") {
  const PluginDir safe, open;
  std::filesystem::create_symlink(safe.put("good"), open.path / "good.so");
  CHECK(Library::load((open.path / "good.so").string()));
  REQUIRE(::chmod(open.path.c_str(), 0777) == 0);
  const auto library = Library::load((open.path / "good.so").string());
  REQUIRE_FALSE(library);
  CHECK(has(library.error().text, open.path.string()));
}

TEST_CASE("the control loads, and says what it is") {
  const PluginDir dir;
  const auto library = dir.load("good");
  REQUIRE_MESSAGE(library, library.error().text);
  const auto& facts = (*library)->facts();
  CHECK((*library)->name() == "good");
  CHECK(facts.schema.size() == 2);
  CHECK(facts.persistent);
  CHECK_FALSE(facts.per_client);
  CHECK(facts.default_link == LinkMode::persistent);
  CHECK_FALSE(facts.app_optional);
  CHECK(facts.shares_app);
  CHECK(facts.default_port == 179);
  CHECK(facts.default_dscp == 48u);
  CHECK_FALSE(facts.no_keepalive);
}

TEST_CASE("an older plugin is read as far as it goes, a newer one as far as we know it") {
  const PluginDir dir;
  const auto older = dir.load("older"), newer = dir.load("newer");
  REQUIRE_MESSAGE(older, older.error().text);
  REQUIRE_MESSAGE(newer, newer.error().text);
  const bool picks = (*older)->plugin().pick != nullptr;
  CHECK_FALSE(picks);
  CHECK_FALSE((*older)->facts().shares_app);
  CHECK_FALSE((*older)->facts().default_dscp);
  for (const auto* library : {older->get(), newer->get()}) {
    REQUIRE(library->facts().schema.size() == 2);
    CHECK(library->facts().schema[1].name == "second");
    CHECK(library->facts().schema[1].default_text == "2");
  }
  REQUIRE((*newer)->plugin().n_metrics == 2);
  CHECK((*newer)->plugin().metrics[1].name == std::string("two"));
}

TEST_CASE("check(): complaints carry the option's place; a silent refusal is told as well") {
  const PluginDir dir;
  const auto library = dir.load("good");
  REQUIRE(library);
  const auto complaints = [&](const SessionConfig& session) {
    std::vector<Diagnostic> out;
    (*library)->facts().check(session, out);
    return out;
  };
  CHECK(complaints(session_with(**library, 5)).empty());
  const auto above = complaints(session_with(**library, 6));
  REQUIRE(above.size() == 1);
  CHECK(above[0].text == "session \"s\", [session.good]: a: is above 5");
  CHECK(above[0].at == Location{"f", 4, 5});
  const auto silent = complaints(session_with(**library, 9));
  REQUIRE(silent.size() == 1);
  CHECK(has(silent[0].text, "does not say why (-1)"));

  auto given = session_with(**library, 1);
  given.options.slots[1].present = true;
  CHECK(complaints(given).size() == 1);
  given.app_mode = AppMode::connect;
  CHECK(complaints(given).empty());

  const auto throws = dir.load("throws");
  REQUIRE(throws);
  std::vector<Diagnostic> out;
  (*throws)->facts().check(SessionConfig{}, out);
  REQUIRE(out.size() == 1);
  CHECK(has(out[0].text, "thrown in check"));
}

TEST_CASE("pick(): answers out of range choose nobody") {
  const PluginDir dir;
  const auto library = dir.load("good"), throws = dir.load("throws");
  REQUIRE(library);
  REQUIRE(throws);
  const auto one = session_with(**library, 1), two = session_with(**library, 2);
  const PluginConfig a((*library)->facts().schema, one.options),
      b((*library)->facts().schema, two.options);
  const ph_config* const sessions[] = {a.get(), b.get()};
  const auto pick = [&](const Library& l, std::vector<std::uint8_t> bytes) {
    return l.pick(sessions, bytes);
  };
  CHECK(pick(**library, {}).answer == PH_EAGAIN);
  CHECK(pick(**library, {2}).answer == 1);
  CHECK(pick(**library, {3}).answer == PH_EPROTO);
  CHECK(pick(**library, {3}).reply == std::vector<std::uint8_t>{42});
  for (const std::uint8_t lie : std::vector<std::uint8_t>{200, 201}) {
    CHECK(pick(**library, {lie}).answer == PH_EINVAL);
    CHECK(pick(**library, {lie}).reply.empty());
  }
  CHECK(pick(**throws, {1}).answer == PH_EINVAL);
}

TEST_CASE("Plugins: found by name, the first directory wins, a name stays what it is") {
  const PluginDir first, second;
  first.put("good");
  second.put("good");
  second.put("newer");
  second.put("no_symbol");
  second.put("older", "misnamed");
  Plugins plugins({first.path.string()});
  const std::vector<std::string> configured{second.path.string(), "/nowhere"};

  const auto good = plugins.find("good", configured);
  REQUIRE(good);
  CHECK((*good)->path() == (first.path / "good.so").string());
  std::filesystem::remove(first.path / "good.so");
  CHECK(*plugins.find("good", configured) == *good);

  const auto near = plugins.find("newr", configured);
  REQUIRE_FALSE(near);
  CHECK(has(near.error().text, first.path.string() + ", " + second.path.string() + ", /nowhere"));
  CHECK(has(near.error().text, "did you mean \"newer\"?"));
  CHECK(has(plugins.find("../etc/x", {}).error().text, "no plugin \"../etc/x\""));
  CHECK(has(plugins.find("misnamed", configured).error().text, "rename it older.so"));

  std::vector<std::string> refused;
  const auto all = plugins.all(configured, refused);
  REQUIRE(all.size() == 2);
  CHECK(all[0]->name() == "good");
  CHECK(all[1]->name() == "newer");
  CHECK(refused.size() == 2);
}
