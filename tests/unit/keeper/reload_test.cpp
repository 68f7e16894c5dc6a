// diff(): what each changed key of a session costs at reload.
// Both configurations come from the real loader.
#include "keeper/reload.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace peerhold {
namespace {

using What = ReloadAction::What;

Option option(std::string name, OptionType type, bool live, std::string default_text = {}) {
  Option o;
  o.name = std::move(name);
  o.type = type;
  o.live = live;
  o.default_text = std::move(default_text);
  return o;
}

PluginFacts facts_of_probe() {
  PluginFacts facts;
  Option mixed = option("mixed", OptionType::table, false);
  mixed.fields = {option("live", OptionType::integer, true, "1"),
                  option("fixed", OptionType::integer, false, "1")};
  Option whole = option("whole", OptionType::table, true);
  whole.fields = {option("any", OptionType::integer, false, "1")};
  Option routes = option("route", OptionType::tables, true);
  routes.fields = {option("sni", OptionType::string, false)};
  facts.schema = {option("live", OptionType::string, true),
                  option("fixed", OptionType::string, false),
                  option("live_default", OptionType::integer, true, "5"),
                  std::move(mixed),
                  std::move(whole),
                  std::move(routes)};
  facts.app_optional = true;
  return facts;
}

struct Both {
  Config config;
  std::map<std::string, KeyChain> chains;
};

const PluginFacts& facts() {
  static const PluginFacts the = facts_of_probe();
  return the;
}

Both load(const std::string& text) {
  LoadRequest request;
  request.plugin = [](const std::string&, const KeeperConfig&) -> Result<const PluginFacts*> {
    return &facts();
  };
  Loaded loaded = load_config_text(text, "text", request);
  Both out;
  for (const KeyChainConfig& chain : loaded.config.keychains) {
    auto keys = load_chain(chain, {}, std::chrono::system_clock::now(), loaded.diagnostics);
    if (keys) out.chains.emplace(chain.name, *std::move(keys));
  }
  for (const Diagnostic& d : loaded.diagnostics) {
    INFO(d.at.line << ": " << d.text);
    CHECK(d.severity != Diagnostic::error);
  }
  out.config = std::move(loaded.config);
  return out;
}

std::vector<ReloadAction> between(const std::string& from, const std::string& to) {
  const Both a = load(from), b = load(to);
  return diff(a.config, b.config, a.chains, b.chains,
              [](const std::string&) { return &facts().schema; });
}

std::string words(const ReloadAction& action) {
  static constexpr const char* names[] = {"keep", "live", "restart", "add", "remove"};
  std::string text =
      std::string(names[static_cast<std::size_t>(action.what)]) + " " + action.session;
  for (const std::string& key : action.keys) text += " " + key;
  return text;
}

std::string words(const std::vector<ReloadAction>& actions) {
  std::string text;
  for (const ReloadAction& action : actions) text += (text.empty() ? "" : ", ") + words(action);
  return text;
}

const std::string one_key =
    "[[keychain.edge.key]]\nid = 1\nsecret = \"Yellow-submarine-1\"\n"
    "[[keychain.other.key]]\nid = 7\nsecret = \"Strawberry-fields-7\"\n";

// A session whose table begins with `top`, and has `tables` behind it.
std::string session(const std::string& top, const std::string& tables = {},
                    const std::string& name = "s") {
  std::string text = "[[session]]\nname = \"" + name + "\"\n";
  const auto unless_given = [&](const std::string& key, const std::string& line) {
    const bool given =
        top.starts_with(key + " =") || top.find("\n" + key + " =") != std::string::npos;
    if (!given) text += line + "\n";
  };
  unless_given("plugin", "plugin = \"probe\"");
  unless_given("peer", "peer = \"192.0.2.1:179\"");
  unless_given("keychain", "keychain = \"edge\"");
  return text + top + "\n" + tables + "\n";
}

struct Row {
  const char *from, *to;  // lines of the session's table, or its tables ("[session.…")
  const char* expected;
};

std::string text_of(const char* lines) {
  const std::string all = lines;
  const auto table = all.find('[');
  const bool has_table = table != std::string::npos && (table == 0 || all[table - 1] == '\n');
  return one_key + (has_table ? session(all.substr(0, table), all.substr(table)) : session(all));
}

TEST_CASE("what each key costs") {
  const Row rows[] = {
      {"", "", "keep s"},
      // of the session
      {"", "description = \"d\"", "live s description"},
      {"", "labels = {site = \"fra1\"}", "live s labels"},
      {"labels = {site = \"fra1\"}", "labels = {site = \"ams\"}", "live s labels"},
      {"", "log_level = \"debug\"", "live s log_level"},
      {"", "enabled = false", "live s enabled"},
      {"", "enabled = true", "keep s"},
      {"", "peer = \"192.0.2.9:179\"", "restart s peer"},
      {"", "peer = \"192.0.2.1:180\"", "restart s peer"},
      {"", "source = \"192.0.2.2\"", "restart s source"},
      {"source = \"192.0.2.2\"", "source = \"192.0.2.2:40000\"", "restart s source"},
      {"source = \"192.0.2.2:179\"", "source = \"192.0.2.2:179\"\nmode = \"both\"",
       "restart s mode"},
      {"", "link = \"per-client\"", "restart s link"},
      {"", "plugin = \"other\"", "restart s plugin"},
      {"mode = \"passive\"\nsource = \"[::]:179\"\npeer = \"2001:db8::1\"",
       "mode = \"passive\"\nsource = \"[::]:179\"\npeer = \"2001:db8::1\"\nv6only = true",
       "restart s v6only"},
      {"mode = \"passive\"\nsource = \"192.0.2.2:179\"\npeer = \"192.0.2.0/24\"\nlink = "
       "\"per-client\"",
       "mode = \"passive\"\nsource = \"192.0.2.2:179\"\npeer = \"192.0.2.0/25\"\nlink = "
       "\"per-client\"",
       "restart s peer"},
      // of its app: new app connections
      {"", "app = \"127.0.0.1:7000\"", "live s app"},
      {"app = \"127.0.0.1:7000\"", "app = \"unix:/run/x\"", "live s app"},
      {"app = \"127.0.0.1:7000\"", "app = \"127.0.0.1:7000\"\napp_mode = \"connect\"",
       "live s app_mode"},
      {"app = \"unix:/run/x\"", "app = \"unix:/run/x\"\napp_users = [\"root\"]",
       "live s app_users"},
      {"app = \"unix:/run/x\"", "app = \"unix:/run/x\"\napp_socket_mode = \"0600\"",
       "live s app_socket_mode"},
      {"app = \"unix:/run/x\"", "app = \"unix:/run/x\"\napp_socket_group = \"root\"",
       "live s app_socket_group"},
      {"app = \"127.0.0.1:7000\"", "app = \"127.0.0.1:7000\"\napp_remote = true",
       "live s app_remote"},
      // its keys
      {"", "keychain = \"other\"", "live s keychain"},
      {"", "keychain = \"none\"", "restart s keychain"},
      {"keychain = \"none\"", "", "restart s keychain"},
      // [session.retry]: all of it
      {"", "[session.retry]\nmin = \"2s\"", "live s retry.min"},
      {"", "[session.retry]\nmax = \"3m\"", "live s retry.max"},
      {"", "[session.retry]\nfactor = 3.0", "live s retry.factor"},
      {"", "[session.retry]\njitter = 0.5", "live s retry.jitter"},
      {"", "[session.retry]\nreset_after = \"1m\"", "live s retry.reset_after"},
      {"", "[session.retry]\nconnect_timeout = \"5s\"", "live s retry.connect_timeout"},
      // The same in other words is no change.
      {"", "[session.retry]\nmin = \"1000ms\"", "keep s"},
      // [session.transport]
      {"", "[session.transport]\nuser_timeout = \"3m\"", "live s transport.user_timeout"},
      {"", "[session.transport]\nkeepalive = \"1m\"", "live s transport.keepalive"},
      {"", "[session.transport]\ndscp = 46", "live s transport.dscp"},
      {"", "[session.transport]\ncongestion = \"reno\"", "live s transport.congestion"},
      {"", "[session.transport]\nbuffer = \"2MiB\"", "live s transport.buffer"},
      {"", "[session.transport]\ninterface = \"lo\"", "restart s transport.interface"},
      {"", "[session.transport]\nmss = 1400", "restart s transport.mss"},
      {"", "[session.transport]\nfreebind = true", "restart s transport.freebind"},
      // GTSM: a looser bound may be set on a live link, a stricter one could cut it off.
      {"", "[session.transport]\nttl_security_hops = 254", "restart s transport.ttl_security_hops"},
      {"[session.transport]\nttl_security_hops = 2", "[session.transport]\nttl_security_hops = 1",
       "restart s transport.ttl_security_hops"},
      {"[session.transport]\nttl_security_hops = 1", "[session.transport]\nttl_security_hops = 2",
       "live s transport.ttl_security_hops"},
      {"[session.transport]\nttl_security_hops = 1", "", "live s transport.ttl_security_hops"},
      // the plugin's options
      {"", "[session.probe]\nlive = \"x\"", "live s probe.live"},
      {"[session.probe]\nlive = \"x\"", "[session.probe]\nlive = \"y\"", "live s probe.live"},
      {"", "[session.probe]\nfixed = \"x\"", "restart s probe.fixed"},
      {"", "[session.probe]\nlive_default = 5", "keep s"},
      {"", "[session.probe]\nlive_default = 6", "live s probe.live_default"},
      {"[session.probe.mixed]\n", "[session.probe.mixed]\nlive = 2", "live s probe.mixed.live"},
      {"[session.probe.mixed]\n", "[session.probe.mixed]\nfixed = 2",
       "restart s probe.mixed.fixed"},
      {"[session.probe.whole]\n", "[session.probe.whole]\nany = 2", "live s probe.whole"},
      {"[[session.probe.route]]\nsni = \"a\"",
       "[[session.probe.route]]\nsni = \"a\"\n[[session.probe.route]]\nsni = \"b\"",
       "live s probe.route"},
      // several: one that needs a restart is enough, and all are named
      {"", "description = \"d\"\n[session.retry]\nmin = \"2s\"", "live s description retry.min"},
      {"", "description = \"d\"\n[session.transport]\nmss = 1400",
       "restart s description transport.mss"},
      {"", "[session.probe]\nlive = \"x\"\nfixed = \"x\"", "restart s probe.live probe.fixed"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.from));
    CAPTURE(std::string(row.to));
    CHECK(words(between(text_of(row.from), text_of(row.to))) == std::string(row.expected));
  }
}

TEST_CASE("where a value stands, and which layer says it, is no change") {
  const std::string plain = one_key + session("[session.retry]\nmin = \"2s\"");
  const std::string layered = one_key + "[defaults]\nretry.min = \"2s\"\n\n# moved\n" + session("");
  CHECK(words(between(plain, layered)) == "keep s");
  CHECK(words(between(one_key + session(""), layered)) == "live s retry.min");
}

TEST_CASE("contents of a key chain") {
  const auto text = [](const std::string& chain) {
    return chain + session("", {}, "s") + session("keychain = \"other\"", {}, "t");
  };
  const std::string other = "[[keychain.other.key]]\nid = 7\nsecret = \"Strawberry-fields-7\"\n";
  const std::string key1 = "[[keychain.edge.key]]\nid = 1\nsecret = \"Yellow-submarine-1\"\n";
  const std::string key2 =
      "[[keychain.edge.key]]\nid = 2\nsecret = \"Penny-lane-2\"\nstart = 2100-01-01T00:00:00Z\n";
  const std::string base = text(key1 + other);
  const std::string changed = "live s keychain, keep t";
  CHECK(words(between(base, base)) == "keep s, keep t");
  // another secret, another id, a key more, a lifetime
  CHECK(words(between(base, text("[[keychain.edge.key]]\nid = 1\nsecret = \"Nowhere-man-1\"\n" +
                                 other))) == changed);
  CHECK(
      words(between(base, text("[[keychain.edge.key]]\nid = 3\nsecret = \"Yellow-submarine-1\"\n" +
                               other))) == changed);
  CHECK(words(between(base, text(key1 + key2 + other))) == changed);
  CHECK(words(between(text(key1 + key2 + other), base)) == changed);
  CHECK(words(between(base, text(key1 + "end = 2100-01-01T00:00:00Z\n" + other))) == changed);
  for (const std::string rule : {"rollover = \"manual\"", "accept_tolerance = \"2h\""})
    CHECK(words(between(base, text("[keychain.edge]\n" + rule + "\n" + key1 + other))) == changed);
}

TEST_CASE("sessions that come, go and change their name") {
  const auto named = [](const std::string& name, const std::string& peer) {
    return session("peer = \"" + peer + "\"", {}, name);
  };
  const std::string a = named("a", "192.0.2.1:179"), b = named("b", "192.0.2.2:179"),
                    c = named("c", "192.0.2.3:179");
  CHECK(words(between(one_key + a + b, one_key + a + b)) == "keep a, keep b");
  CHECK(words(between(one_key + a, one_key + b + a)) == "add b, keep a");
  CHECK(words(between(one_key + a + b, one_key + b)) == "keep b, remove a");
  CHECK(words(between(one_key + a + b, one_key + b + a)) == "keep b, keep a");
  // A renamed session is a new one, though all else is the same.
  const std::string renamed = named("z", "192.0.2.1:179");
  CHECK(words(between(one_key + a + c, one_key + renamed + c)) == "add z, keep c, remove a");
  CHECK(between(one_key + a, one_key + a)[0].keys.empty());
}

}  // namespace
}  // namespace peerhold
