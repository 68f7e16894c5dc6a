// [keeper] and [[listen]], and what the sections have in common. Called by the loader.
#include <algorithm>
#include <cctype>

#include "config/fields.hpp"
#include "config/host_name.hpp"
#include "config/sections.hpp"

namespace peerhold {

namespace {

void read_http(const Checked::Slot& slot, KeeperConfig& keeper, std::vector<Diagnostic>& out) {
  keeper.http = slot.text;
  if (keeper.http.empty()) return;
  const std::string said = "http = " + quoted(keeper.http);
  const auto parsed = Endpoint::parse(keeper.http);
  if (!parsed) return complain(out, slot.at, "[keeper]", "http: " + parsed.error().text);
  if (parsed->is_unix() || parsed->port == 0)
    return complain(out, slot.at, "[keeper]",
                    said + " must be an address with its port, such as \"127.0.0.1:9179\"");
  if (!parsed->address.is_loopback() && !keeper.http_allow_remote)
    complain(out, slot.at, "[keeper]",
             said + " is not a loopback address; use one, or write http_allow_remote = true");
  complain(out, slot.at, "[keeper]", "http is not in this version yet; nothing will answer there",
           Diagnostic::warning);
}

}  // namespace

std::string wrong_name(const std::string& name) {
  if (name == "all" || name == "none") return quoted(name) + " is reserved; choose another";
  const auto plain = [](unsigned char c) { return c < 128 && std::isalnum(c); };
  const bool good =
      !name.empty() && name.size() <= 63 && plain(static_cast<unsigned char>(name[0])) &&
      std::all_of(name.begin(), name.end(),
                  [&](unsigned char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
  if (good) return {};
  return quoted(name) +
         " must be 1 to 63 letters, digits, dots, underscores and hyphens, with a letter or digit "
         "first";
}

KeeperConfig read_keeper(const Sources& sources, std::vector<Diagnostic>& out) {
  KeeperConfig k;
  const Value* tree = sources.keeper.empty() ? nullptr : &sources.keeper.front().value;
  k.printed = check_table(keeper_schema(), tree, "[keeper]", tree ? tree->at : sources.start, out);
  const Fields f(keeper_schema(), k.printed);
  k.control = f["control"].text;
  k.control_group = f["control_group"].text;
  k.control_read_group = f["control_read_group"].text;
  k.plugin_dirs = f["plugin_dirs"].items;
  k.http_allow_remote = f["http_allow_remote"].number != 0;
  if (f["log_level"].present) k.log_level = static_cast<Level>(f["log_level"].number);
  k.log_format_given = f["log_format"].present;
  if (k.log_format_given) k.log_format = static_cast<LogFormat>(f["log_format"].number);
  if (f["drain_timeout"].present) k.drain_timeout = f.duration("drain_timeout");
  k.secret_file_private = f["secret_file_mode"].number == 0;
  if (f["control"].present &&
      (k.control.empty() || k.control.front() != '/' || k.control.size() > 107))
    complain(out, f["control"].at, "[keeper]",
             "control = " + quoted(k.control) + " must be an absolute path of at most 107 bytes");
  read_http(f["http"], k, out);
  return k;
}

ReadListen read_listen(const Value& tree, std::size_t number,
                       const std::vector<KeyChainConfig>& chains, std::vector<Diagnostic>& out) {
  ReadListen result;
  ListenConfig& c = result.config;
  const std::size_t before = out.size();
  const std::string where = "listen number " + std::to_string(number);
  c.at = tree.at;
  c.printed = check_table(listen_schema(), &tree, where, tree.at, out);
  const Fields f(listen_schema(), c.printed);
  c.interface = f["interface"].text;
  if (f["address"].present) {
    const auto parsed = Endpoint::parse(f["address"].text);
    if (parsed && !parsed->is_unix() && parsed->port != 0) {
      c.address = *parsed;
      if (c.interface.empty()) c.interface = c.address.address.scope;
    } else {
      complain(out, f["address"].at, where,
               "address = " + quoted(f["address"].text) +
                   " must be an address with its port, such as \"192.0.2.2:179\"");
    }
  }
  if (f["prefix"].present) {
    const auto parsed = Prefix::parse(f["prefix"].text);
    if (looks_like_host_name(f["prefix"].text)) {
      complain(out, f["prefix"].at, where,
               "prefix = " + quoted(f["prefix"].text) +
                   " is a host name; write the addresses, such as 10.0.0.0/16");
    } else if (!parsed) {
      complain(out, f["prefix"].at, where, "prefix: " + parsed.error().text);
    } else {
      c.prefix = *parsed;
      const bool takes_both = c.address.address.is_any() && c.address.address.family == 6;
      if (c.address.is_set() && c.address.address.family != c.prefix.address.family && !takes_both)
        complain(out, f["prefix"].at, where,
                 "prefix = " + quoted(f["prefix"].text) + " and address = " +
                     quoted(f["address"].text) + " are of different families, IPv4 and IPv6");
    }
  }
  if (f["keychain"].present) {
    c.keychain = f["keychain"].text;
    if (c.keychain == "none")
      complain(out, f["keychain"].at, where,
               "keychain = \"none\" makes no sense here: [[listen]] is one key for a whole prefix; "
               "name a chain, or remove this section");
    else if (std::none_of(chains.begin(), chains.end(),
                          [&](const KeyChainConfig& k) { return k.name == c.keychain; }))
      complain(out, f["keychain"].at, where, no_such_chain(c.keychain, chains));
  }
  result.good = std::none_of(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                             [](const Diagnostic& d) { return d.severity == Diagnostic::error; });
  return result;
}

}  // namespace peerhold
