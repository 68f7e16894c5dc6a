#include "plugins.hpp"

#include <limits>

namespace peerhold::test {

namespace {

Option option(OptionType type, const char* name, const char* default_text) {
  Option o;
  o.type = type;
  o.name = name;
  o.default_text = default_text;
  return o;
}

Option choice(const char* name, std::vector<std::string> choices, const char* default_text) {
  Option o = option(OptionType::choice, name, default_text);
  o.choices = std::move(choices);
  return o;
}

Option count(const char* name, const char* default_text, std::int64_t min, std::int64_t max) {
  Option o = option(OptionType::integer, name, default_text);
  o.min = min;
  o.max = max;
  return o;
}

PluginFacts raw() {
  PluginFacts f;
  f.schema = {option(OptionType::duration, "idle_timeout", "\"none\""),
              choice("proxy_protocol", {"off", "v2"}, "\"off\""),
              count("max_clients", "1024", 1, std::numeric_limits<std::int64_t>::max()),
              choice("on_app_loss", {"keep", "reset"}, "\"keep\"")};
  f.default_link = LinkMode::per_client;
  return f;
}

PluginFacts bgp() {
  PluginFacts f;
  Option local = count("local_as", "", 1, 4294967295), peer = count("peer_as", "", 1, 4294967295);
  local.required = peer.required = true;
  peer.choices = {"any"};
  Option families = option(OptionType::list, "families", "[\"ipv4-unicast\"]");
  families.item = OptionType::choice;
  families.choices = {"ipv4-unicast", "ipv6-unicast"};
  f.schema = {local, peer, option(OptionType::duration, "hold_time", "\"90s\""), families,
              option(OptionType::bytes, "app_backlog", "\"64MiB\"")};
  f.per_client = false;
  f.handshake = true;
  f.app_optional = true;
  f.default_port = 179;
  f.default_dscp = 48;
  f.no_keepalive = true;
  f.check = [](const SessionConfig& s, std::vector<Diagnostic>& out) {
    const Checked::Slot& hold = s.options.slots[2];
    if (hold.number > 0 && hold.number < 3000)
      out.push_back(
          {Diagnostic::error, hold.at,
           "session \"" + s.name + "\": bgp.hold_time must be 0 or at least 3s (RFC 4271)"});
    if (s.app && s.app->is_unix())
      out.push_back({Diagnostic::warning, s.at,
                     "session \"" + s.name + "\": few BGP programs speak over a UNIX socket"});
  };
  return f;
}

PluginFacts tls() {
  PluginFacts f;
  Option route = option(OptionType::tables, "route", "");
  Option sni = option(OptionType::list, "sni", "");
  sni.required = true;
  route.fields = {sni, option(OptionType::list, "alpn", "[]"),
                  option(OptionType::endpoint, "app", "")};
  f.schema = {choice("min_version", {"1.2", "1.3"}, "\"1.2\""), route,
              option(OptionType::endpoint, "default_app", "")};
  f.persistent = false;
  f.default_link = LinkMode::per_client;
  f.app_optional = f.shares_app = true;
  return f;
}

}  // namespace

Result<const PluginFacts*> find_plugin(const std::string& name, const KeeperConfig&) {
  static const PluginFacts raw_facts = raw(), bgp_facts = bgp(), tls_facts = tls();
  if (name == "raw") return &raw_facts;
  if (name == "bgp") return &bgp_facts;
  if (name == "tls") return &tls_facts;
  return Error{"not found in the plugin directories", 0};
}

}  // namespace peerhold::test
