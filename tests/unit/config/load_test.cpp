#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "config/config.hpp"
#include "plugins.hpp"

using namespace peerhold;

namespace {

const char* const chain = "[[keychain.k.key]]\nid = 1\nsecret_file = \"/k.1\"\n";

LoadRequest request(const std::string& path = {}) {
  return {path, test::find_plugin};
}

Loaded load(const std::string& text) {
  return load_config_text(text, "f.toml", request());
}

SessionConfig session(const std::string& keys, const std::string& before = {}) {
  Loaded loaded = load(before + chain + "[[session]]\nname = \"a\"\nkeychain = \"k\"\n" + keys);
  for (const Diagnostic& d : loaded.diagnostics)
    CHECK_MESSAGE(d.severity != Diagnostic::error, d.text);
  REQUIRE(loaded.config.sessions.size() == 1);
  return std::move(loaded.config.sessions.front());
}

const std::string active = "plugin = \"raw\"\npeer = \"192.0.2.1:179\"\napp = \"127.0.0.1:1\"\n";
const std::string passive =
    "plugin = \"raw\"\nmode = \"passive\"\npeer = \"192.0.2.1\"\nsource = \"192.0.2.2:9\"\napp = "
    "\"127.0.0.1:1\"\n";
const std::string bgp =
    "plugin = \"bgp\"\npeer = \"192.0.2.1:179\"\nbgp = {local_as = 1, peer_as = \"any\"}\n";

struct TemporaryDirectory {
  std::string path = "/tmp/peerhold-config-XXXXXX";
  TemporaryDirectory() { REQUIRE(mkdtemp(path.data())); }
  ~TemporaryDirectory() {
    for (const std::string& file : files) unlink(file.c_str());
    rmdir(path.c_str());
  }
  std::string write(const std::string& name, const std::string& text, mode_t mode) {
    files.push_back(path + '/' + name);
    std::ofstream(files.back()) << text;
    chmod(files.back().c_str(), mode);
    return files.back();
  }
  std::vector<std::string> files;
};

bool says(const Loaded& loaded, const std::string& words) {
  for (const Diagnostic& d : loaded.diagnostics)
    if (d.text.find(words) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("the built-in defaults") {
  const SessionConfig s = session(active);
  CHECK(s.enabled);
  CHECK(s.mode == Mode::active);
  CHECK(s.link == LinkMode::per_client);
  CHECK(s.app_mode == AppMode::listen);
  CHECK_FALSE(s.source.is_set());
  CHECK(s.retry == RetryConfig{});
  CHECK(s.transport.user_timeout == std::chrono::minutes(2));
  CHECK(s.transport.keepalive == std::chrono::seconds(30));
  CHECK_FALSE(s.transport.dscp);
  CHECK_FALSE(s.transport.ttl_security_hops);
  CHECK(s.transport.buffer == 1 << 20);
  CHECK_FALSE(s.transport.freebind);
  CHECK(s.transport.congestion == "auto");
  CHECK_FALSE(s.log_level);
  CHECK(s.at == Location{"f.toml", 4, 1});
}

TEST_CASE("a plugin's own defaults") {
  const SessionConfig s = session(bgp);
  CHECK(s.link == LinkMode::persistent);
  CHECK(s.transport.dscp == 48U);
  CHECK_FALSE(s.transport.keepalive);
  CHECK(session(bgp + "transport.dscp = 0\ntransport.keepalive = \"5s\"\n").transport.keepalive ==
        std::chrono::seconds(5));
  CHECK(session("mode = \"passive\"\nsource = \"192.0.2.2\"\nplugin = \"bgp\"\npeer = "
                "\"192.0.2.1\"\nbgp = {local_as = 1, peer_as = 2}\n")
            .source.port == 179);
  CHECK(s.options.slots[1].number == -1);
  REQUIRE(s.options_schema);
  CHECK(s.options_schema->size() == s.options.slots.size());
}

TEST_CASE("who connects to whom at the app's side") {
  CHECK(session(passive).app_mode == AppMode::connect);
  CHECK(session(passive + "link = \"persistent\"\n").app_mode == AppMode::listen);
  CHECK(session(passive + "link = \"persistent\"\napp_mode = \"connect\"\n").app_mode ==
        AppMode::connect);
}

TEST_CASE("a prefix of one address is an address") {
  CHECK(session("plugin = \"raw\"\nmode = \"passive\"\npeer = \"192.0.2.1/32\"\nsource = "
                "\"192.0.2.2:9\"\napp = \"127.0.0.1:1\"\n") == session(passive));
}

TEST_CASE("sessions compare by what they mean") {
  CHECK(session(active) == session("# moved\n\n" + active));
  CHECK(session(active) == session(active + "enabled = true\nretry.max = \"120s\"\n"));
  CHECK(session(active) == session(active, "[defaults]\nretry.max = \"2m\"\n"));
  CHECK_FALSE(session(active) == session(active + "retry.max = \"3m\"\n"));
  CHECK_FALSE(session(active) == session(active + "raw.max_clients = 3\n"));
  CHECK_FALSE(session(active) == session(active + "labels = {a = \"b\"}\n"));
}

TEST_CASE("the scope of a link-local address is the device") {
  const SessionConfig s =
      session("plugin = \"raw\"\npeer = \"[fe80::1%eth0]:179\"\nsource = \"fe80::2\"\n");
  CHECK(s.transport.interface == "eth0");
  CHECK(s.source.address.scope == "eth0");
}

TEST_CASE("inline secrets compare by content and are shown nowhere") {
  const auto with = [](const std::string& secret) {
    return load("[[keychain.k.key]]\nid = 1\nsecret = \"" + secret + "\"\n");
  };
  const Loaded a = with("correct.horse.battery"), same = with("text:correct.horse.battery"),
               other = with("wrong.horse");
  REQUIRE(a.ok());
  CHECK(a.config.keychains == same.config.keychains);
  CHECK_FALSE(a.config.keychains == other.config.keychains);
  const SecretRef& ref = a.config.keychains[0].keys[0].secret;
  CHECK(ref.kind == SecretRef::Kind::inline_text);
  REQUIRE(ref.inline_secret);
  CHECK(ref.inline_secret->size() == 21);
  const std::string printed = print_config(a.config);
  CHECK(printed.find("horse") == std::string::npos);
  CHECK(printed.find("secret = \"<secret>\"") != std::string::npos);
}

TEST_CASE("an inline secret is refused in a file that others may read") {
  TemporaryDirectory dir;
  const std::string text = "[[keychain.k.key]]\nid = 1\nsecret = \"correct.horse\"\n";
  const Loaded open = load_config(request(dir.write("open.toml", text, 0644)));
  CHECK_FALSE(open.ok());
  CHECK(says(open, "others may read (mode 0644); chmod 0600 " + dir.path + "/open.toml"));
  CHECK(load_config(request(dir.write("private.toml", text, 0600))).ok());
  CHECK(load_config(
            request(dir.write("any.toml", "[keeper]\nsecret_file_mode = \"any\"\n" + text, 0644)))
            .ok());
  // Nothing secret in it, nothing to refuse.
  CHECK(load_config(request(dir.write("none.toml", chain, 0644))).ok());
}

TEST_CASE("a secret file is looked for beside the file that names it") {
  TemporaryDirectory dir;
  const Loaded loaded = load_config(
      request(dir.write("a.toml", "[[keychain.k.key]]\nid = 1\nsecret_file = \"k.1\"\n", 0644)));
  REQUIRE(loaded.config.keychains.size() == 1);
  CHECK(loaded.config.keychains[0].keys[0].secret.name == dir.path + "/k.1");
}

TEST_CASE("a file that is not there, and a directory") {
  const Loaded none = load_config(request("/no/such/file.toml"));
  CHECK_FALSE(none.ok());
  REQUIRE(none.diagnostics.size() == 1);
  CHECK(none.diagnostics[0].text.find("cannot read /no/such/file.toml") == 0);
  CHECK_FALSE(load_config(request("/tmp")).ok());
}

TEST_CASE("a plugin's own check is asked only of sessions that are right so far") {
  const std::string wrong =
      chain + std::string(
                  "[[session]]\nname = \"a\"\nkeychain = \"k\"\nplugin = \"bgp\"\npeer = "
                  "\"192.0.2.1:179\"\nbgp = {local_as = 1, peer_as = 2, hold_time = \"1s\"}\n");
  CHECK(says(load(wrong), "RFC 4271"));
  CHECK_FALSE(says(load(wrong + "mode = 3\n"), "RFC 4271"));
}

TEST_CASE("one session's print loads by itself") {
  const Loaded both = load(std::string(chain) + "[[session]]\nname = \"a\"\nkeychain = \"k\"\n" +
                           active + "[[session]]\nname = \"b\"\nkeychain = \"none\"\n" + passive);
  REQUIRE(both.ok());
  const Loaded one = load(print_config(both.config, "a"));
  REQUIRE(one.ok());
  REQUIRE(one.config.sessions.size() == 1);
  CHECK(one.config.sessions[0] == both.config.sessions[0]);
  CHECK(one.config.keychains.size() == 1);
  CHECK(load(print_config(both.config, "b")).config.keychains.empty());
}

TEST_CASE("what the plugin finder says is passed on, and no path is asked of it") {
  LoadRequest strict = request();
  strict.plugin = [](const std::string& name,
                     const KeeperConfig& keeper) -> Result<const PluginFacts*> {
    CHECK(name == "other");
    return Error{"not in " + keeper.plugin_dirs.at(0), 0};
  };
  const std::string text =
      "[keeper]\nplugin_dirs = [\"/p\"]\n[[session]]\nname = \"a\"\nkeychain = \"none\"\npeer = "
      "\"192.0.2.1:1\"\nplugin = ";
  CHECK(says(load_config_text(text + "\"other\"\n", "f", strict), "plugin \"other\": not in /p"));
  CHECK_FALSE(load_config_text(text + "\"../evil\"\n", "f", strict).ok());
}
