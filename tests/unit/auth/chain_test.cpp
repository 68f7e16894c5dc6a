// Which key of a chain is used when, and which secret files are refused.
#include "auth/chain.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "chains.hpp"

namespace peerhold {
namespace {

using std::chrono::sys_seconds;

// A directory of secret files that goes with the test.
struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/peerhold-chain-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, std::string_view content, mode_t mode = 0600) const {
    const std::string whole = path + '/' + name;
    std::ofstream(whole) << content;
    REQUIRE(::chmod(whole.c_str(), mode) == 0);
    return whole;
  }
};

KeyConfig key(std::uint32_t id, SecretRef::Kind kind, std::string name) {
  KeyConfig k;
  k.id = id;
  k.secret.kind = kind;
  k.secret.name = std::move(name);
  k.secret.at = {"edge.toml", id, 3};
  return k;
}

KeyConfig inline_key(std::uint32_t id, std::string text, std::optional<sys_seconds> start = {},
                     std::optional<sys_seconds> end = {}) {
  KeyConfig k = key(id, SecretRef::Kind::inline_text, "");
  auto secret = Secret::take({reinterpret_cast<unsigned char*>(text.data()), text.size()});
  REQUIRE(secret);
  k.secret.inline_secret = std::make_shared<const Secret>(std::move(*secret));
  k.start = start;
  k.end = end;
  return k;
}

struct Outcome {
  std::optional<KeyChain> chain;
  std::vector<Diagnostic> said;
  std::size_t skipped = 0;
  bool has(Diagnostic::Severity severity, std::string_view text) const {
    for (const Diagnostic& d : said)
      if (d.severity == severity && d.text.find(text) != std::string::npos) return true;
    return false;
  }
};

Outcome load(std::vector<KeyConfig> keys, const SecretPolicy& policy = {},
             Rollover rollover = Rollover::follow, WallTime now = at(1000)) {
  KeyChainConfig config;
  config.name = "edge";
  config.rollover = rollover;
  config.keys = std::move(keys);
  config.at = {"edge.toml", 100, 1};
  Outcome o;
  o.chain = load_chain(config, policy, now, o.said, &o.skipped);
  return o;
}

std::uint32_t used(const Outcome& o, std::int64_t when) {
  REQUIRE(o.chain);
  return o.chain->in_use(at(when)).id;
}

std::string shown(const Secret& s) {
  return s.use([](std::span<const unsigned char> b) { return std::string(b.begin(), b.end()); });
}

TEST_CASE("of several valid keys the one with the latest start is used") {
  const auto o =
      load({inline_key(1, "a"), inline_key(3, "c", at(300)), inline_key(2, "b", at(200), at(400))});
  CHECK(o.said.empty());
  CHECK(used(o, 199) == 1);
  CHECK(used(o, 200) == 2);
  CHECK(used(o, 299) == 2);
  CHECK(used(o, 300) == 3);
  CHECK(used(o, 1000) == 3);
}

TEST_CASE("among equals the one that stands later in the file is used") {
  CHECK(used(load({inline_key(2, "b"), inline_key(1, "a")}), 5) == 1);
  CHECK(used(load({inline_key(2, "b", at(1)), inline_key(1, "a", at(1)), inline_key(3, "c")}), 5) ==
        1);
}

TEST_CASE("when no key is valid the last to end stays, else the first to start") {
  const auto ended = load({inline_key(1, "a", {}, at(100)), inline_key(2, "b", at(50), at(200)),
                           inline_key(3, "c", at(9000))});
  CHECK(used(ended, 199) == 2);
  CHECK(used(ended, 200) == 2);  // the end itself is not in the lifetime
  CHECK_FALSE(ended.chain->any_valid(at(200)));
  CHECK(ended.chain->any_valid(at(199)));
  CHECK(used(ended, 9000) == 3);
  CHECK(ended.has(
      Diagnostic::warning,
      "no key is valid now (1970-01-01T00:16:40Z); key 2, which ended at 1970-01-01T00:03:20Z"));

  const auto future = load({inline_key(1, "a", at(9000)), inline_key(2, "b", at(8000))});
  CHECK(used(future, 1000) == 2);
  CHECK(future.has(Diagnostic::warning, "starts at 1970-01-01T02:13:20Z"));
}

TEST_CASE("manual uses the first key of the file until told otherwise") {
  const auto o = load({inline_key(7, "a", {}, at(10)), inline_key(8, "b")}, {}, Rollover::manual);
  CHECK(used(o, 5) == 7);
  CHECK(used(o, 500) == 7);
}

TEST_CASE("chains are the same by ids, lifetimes and secrets, in order") {
  const auto chain = [](std::vector<KeyConfig> keys) {
    return std::move(*load(std::move(keys)).chain);
  };
  const auto base = chain({inline_key(1, "a"), inline_key(2, "b", at(5))});
  CHECK(base.same(chain({inline_key(1, "a"), inline_key(2, "b", at(5))})));
  CHECK_FALSE(base.same(chain({inline_key(1, "a"), inline_key(2, "c", at(5))})));
  CHECK_FALSE(base.same(chain({inline_key(1, "a"), inline_key(2, "b", at(6))})));
  CHECK_FALSE(base.same(chain({inline_key(1, "a"), inline_key(3, "b", at(5))})));
  CHECK_FALSE(base.same(chain({inline_key(2, "b", at(5)), inline_key(1, "a")})));
  CHECK_FALSE(base.same(chain({inline_key(1, "a")})));
}

TEST_CASE("a secret is read from its file, by a symbolic link too") {
  const Directory dir;
  const std::string file = dir.file("one", "hunter2\n");
  std::filesystem::create_symlink(file, dir.path + "/link");
  for (const std::string& path : {file, dir.path + "/link"}) {
    const auto o = load({key(4, SecretRef::Kind::file, path)});
    REQUIRE(o.chain);
    CHECK(o.said.empty());
    CHECK(o.chain->name() == "edge");
    CHECK(o.chain->keys().at(0).key.id == 4);
    CHECK(shown(o.chain->keys().at(0).key.secret) == "hunter2");
  }
}

TEST_CASE("an odd end is a warning with the place, and the chain is loaded") {
  const Directory dir;
  const auto o = load({key(4, SecretRef::Kind::file, dir.file("one", "hunter2\r\n"))});
  REQUIRE(o.chain);
  CHECK(o.has(Diagnostic::warning, "carriage return"));
  REQUIRE(o.said.size() == 1);
  CHECK(o.said[0].at == Location{"edge.toml", 4, 3});
  CHECK(o.said[0].text.find("hunter2") == std::string::npos);
  CHECK(o.said[0].text.rfind("keychain \"edge\": key 4: ", 0) == 0);
}

TEST_CASE("every error is told, not the first one, and none shows a secret") {
  const Directory dir;
  const auto o = load({key(1, SecretRef::Kind::file, dir.path + "/absent"),
                       key(2, SecretRef::Kind::file, dir.file("empty", "")),
                       key(3, SecretRef::Kind::file, dir.file("long", std::string(81, 'Q'))),
                       key(4, SecretRef::Kind::file, dir.file("huge", std::string(4097, 'Q'))),
                       key(5, SecretRef::Kind::file, dir.path),
                       key(6, SecretRef::Kind::file, dir.file("hex", "hex:QQ"))});
  CHECK_FALSE(o.chain);
  CHECK(o.said.size() == 6);
  CHECK(o.has(Diagnostic::error, "absent\": No such file"));
  CHECK(o.has(Diagnostic::error, "make one: peerhold key generate " + dir.path + "/absent"));
  CHECK(o.has(Diagnostic::error, "is empty"));
  CHECK(o.has(Diagnostic::error, "81 bytes"));
  CHECK(o.has(Diagnostic::error, "larger than 4096"));
  CHECK(o.has(Diagnostic::error, "is a directory"));
  CHECK_FALSE(o.has(Diagnostic::error, "QQ"));
}

TEST_CASE("a fifo is refused and does not hold the keeper") {
  const Directory dir;
  const std::string path = dir.path + "/fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(load({key(1, SecretRef::Kind::file, path)}).has(Diagnostic::error, "is a fifo"));
  CHECK(load({key(1, SecretRef::Kind::file, "/dev/zero")}).has(Diagnostic::error, "is a device"));
}

TEST_CASE("two keys with one secret are an error, however they are written") {
  const Directory dir;
  const auto o = load({inline_key(1, "hunter2"),
                       key(2, SecretRef::Kind::file, dir.file("two", "base64:aHVudGVyMg==\n"))});
  CHECK_FALSE(o.chain);
  CHECK(o.has(Diagnostic::error, "keys 1 and 2 have the same secret"));
  CHECK(load({inline_key(1, "hunter2"), inline_key(2, "hunter3")}).chain);
  CHECK_FALSE(load({}).chain);
}

TEST_CASE("a file that others can read is refused with the mode and the remedy") {
  const Directory dir;
  const std::string path = dir.file("open", "hunter2", 0604);
  const auto o = load({key(1, SecretRef::Kind::file, path)});
  CHECK_FALSE(o.chain);
  CHECK(o.has(Diagnostic::error, "has mode 0604"));
  CHECK(o.has(Diagnostic::error, "chmod o-rwx " + path));
  CHECK_FALSE(
      load({key(1, SecretRef::Kind::file, path)}, {.readers = SecretPolicy::Readers::any_group})
          .chain);
  CHECK(load({key(1, SecretRef::Kind::file, path)}, {.readers = SecretPolicy::Readers::all}).chain);
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(load({key(1, SecretRef::Kind::file, path)}).chain);  // the keeper's own group
}

TEST_CASE("a group that is neither root's nor the keeper's own is others") {
  if (::geteuid() != 0) return;  // only root can give a file away
  const Directory dir;
  const std::string path = dir.file("group", "hunter2", 0640);
  REQUIRE(::chown(path.c_str(), 0, 4242) == 0);
  const auto refused = load({key(1, SecretRef::Kind::file, path)});
  CHECK_FALSE(refused.chain);
  CHECK(refused.has(Diagnostic::error, "mode 0640 and group 4242"));
  CHECK(load({key(1, SecretRef::Kind::file, path)}, {.readers = SecretPolicy::Readers::any_group})
            .chain);
  CHECK(refused.has(Diagnostic::error, "chmod g-rwx " + path));
  const gid_t own = ::getegid();
  REQUIRE(::setegid(4242) == 0);
  const auto taken = load({key(1, SecretRef::Kind::file, path)});
  REQUIRE(::setegid(own) == 0);
  CHECK(taken.chain);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  CHECK(load({key(1, SecretRef::Kind::file, path)}).chain);
}

TEST_CASE("credentials") {
  const Directory dir;
  const std::string path = dir.file("edge.1", "hunter2\n", 0644);
  const SecretPolicy policy{.credentials_directory = dir.path};
  const auto o = load({key(1, SecretRef::Kind::credential, "edge.1")}, policy);
  REQUIRE(o.chain);
  CHECK(shown(o.chain->keys().at(0).key.secret) == "hunter2");
  // The same file by its path: what systemd put there is taken as it is, and nothing else is.
  CHECK(load({key(1, SecretRef::Kind::file, path)}, policy).chain);
  CHECK_FALSE(load({key(1, SecretRef::Kind::file, path)}).chain);
  CHECK_FALSE(load({key(1, SecretRef::Kind::file, path)},
                   {.credentials_directory = dir.path.substr(0, dir.path.size() - 1)})
                  .chain);
  CHECK_FALSE(load({key(1, SecretRef::Kind::file, dir.path + "/sub/../edge.1")},
                   {.credentials_directory = dir.path + "/sub"})
                  .chain);

  CHECK(load({key(1, SecretRef::Kind::credential, "edge.1")})
            .has(Diagnostic::error, "$CREDENTIALS_DIRECTORY is not set"));
  CHECK(load({key(1, SecretRef::Kind::credential, "edge.2")}, policy)
            .has(Diagnostic::error, "LoadCredential="));
  CHECK(load({key(1, SecretRef::Kind::credential, "../edge.1")}, policy)
            .has(Diagnostic::error, "without a slash"));
}

TEST_CASE("check --no-secrets skips what its caller cannot read, and nothing else") {
  const Directory dir;
  const std::string path = dir.file("closed", "hunter2", 0000);
  REQUIRE(::chmod(dir.path.c_str(), 0755) == 0);
  const std::vector<KeyConfig> keys{inline_key(1, "a"), key(2, SecretRef::Kind::file, path)};
  const uid_t own = ::geteuid();
  if (own == 0) REQUIRE(::seteuid(65534) == 0);
  const auto strict = load(keys), forgiving = load(keys, {.skip_unreadable = true});
  if (own == 0) REQUIRE(::seteuid(own) == 0);
  CHECK_FALSE(strict.chain);
  CHECK(strict.has(Diagnostic::error, "Permission denied"));
  CHECK(strict.skipped == 0);
  CHECK_FALSE(forgiving.chain);
  CHECK(forgiving.said.empty());
  CHECK(forgiving.skipped == 1);
  CHECK(load({key(1, SecretRef::Kind::credential, "x")}, {.skip_unreadable = true}).skipped == 1);
  const auto absent =
      load({key(1, SecretRef::Kind::file, dir.path + "/absent")}, {.skip_unreadable = true});
  CHECK(absent.skipped == 1);  // before the keys are made
  CHECK(absent.said.empty());
  const auto open =
      load({key(1, SecretRef::Kind::file, dir.file("open", "x", 0644))}, {.skip_unreadable = true});
  CHECK(open.skipped == 0);
  CHECK(open.has(Diagnostic::error, "others can read"));
}

}  // namespace
}  // namespace peerhold
