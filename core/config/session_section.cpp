// One [[session]]: from its merged table to SessionConfig, with every contradiction that shows in
// the session alone. Called by the loader.
#include <pwd.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "config/fields.hpp"
#include "config/host_name.hpp"
#include "config/sections.hpp"

namespace peerhold {

namespace {

using Slot = Checked::Slot;

constexpr std::size_t longest_unix_path = 107;  // sun_path less its end
constexpr std::size_t longest_interface = 15;   // IFNAMSIZ less its end
constexpr std::size_t most_labels = 8;

std::optional<Level> level_of(const Slot& slot) {
  if (!slot.present) return std::nullopt;
  return static_cast<Level>(slot.number);
}

// Was it given, and then could not be read? That has been told; do not add that it is missing.
bool is_bad(const Slot& slot) {
  return !slot.present && slot.origin != "default";
}

void set_default(Slot& slot, std::string text, std::int64_t number) {
  slot.present = true;
  slot.text = std::move(text);
  slot.number = number;
}

// Nobody answers there over TCP. What is only a subnet's broadcast address the kernel alone knows.
bool is_for_many(const Address& a) {
  const Address broadcast{4, {255, 255, 255, 255}, {}};
  return a == broadcast || (a.family == 4 && (a.bytes[0] & 0xf0) == 0xe0) ||
         (a.family == 6 && a.bytes[0] == 0xff);
}

// Of app_users: what is wrong with the entry, or empty.
std::string wrong_user(const std::string& user) {
  if (user.empty()) return "is empty";
  uid_t uid = 0;
  const char* const end = user.data() + user.size();
  if (user.find_first_not_of("0123456789", user[0] == '-' ? 1 : 0) != std::string::npos) return {};
  const auto [stop, error] = std::from_chars(user.data(), end, uid);
  // The last one is the kernel's "no user".
  if (error != std::errc() || stop != end || uid == static_cast<uid_t>(-1)) return "is no user id";
  return {};
}

class SessionReader {
 public:
  SessionReader(const SessionSurroundings& around, std::vector<Diagnostic>& out)
      : around_(around), out_(out) {}

  ReadSession read(const Value& tree, std::size_t number) {
    const Value* name = tree.find("name");
    const std::string* text = name ? std::get_if<std::string>(&name->v) : nullptr;
    where_ = text ? "session " + quoted(*text) : "session number " + std::to_string(number);
    const std::size_t before = errors();
    const bool table_good = check(around_.layers.merged(tree, where_, out_));
    const Fields fields(session_schema(), c_.printed);
    plain(fields);
    links(fields);
    peer(fields);
    source(fields);
    families(fields);
    keychain(fields);
    app(fields);
    if (c_.options_schema != nullptr) plugin_apps(*c_.options_schema, c_.options, c_.plugin);
    retry(fields.table("retry"));
    transport(fields.table("transport"));
    result_.good = table_good && errors() == before;
    if (result_.good && result_.facts->check) {
      result_.facts->check(c_, out_);
      result_.good = errors() == before;
    }
    return std::move(result_);
  }

 private:
  std::size_t errors() const {
    return static_cast<std::size_t>(
        std::count_if(out_.begin(), out_.end(),
                      [](const Diagnostic& d) { return d.severity == Diagnostic::error; }));
  }
  void wrong(const Slot& slot, const std::string& text) { complain(out_, slot.at, where_, text); }
  void warn(const Slot& slot, const std::string& text) {
    complain(out_, slot.at, where_, text, Diagnostic::warning);
  }

  Result<const PluginFacts*> find_plugin(const std::string& name) {
    // It becomes a file name.
    if (const std::string why = wrong_name(name); !why.empty()) return Error{"its name " + why, 0};
    return around_.request.plugin(name, around_.keeper);
  }

  // Does a table begin there that is none of the session's, nor nearly one of them by name?
  static bool may_be_a_plugins(const Value& tree, const Location& at) {
    std::vector<std::string> own;
    for (const Option& option : session_schema()) own.push_back(option.name);
    const Tree& entries = std::get<Tree>(tree.v);
    return std::any_of(entries.begin(), entries.end(), [&](const TableEntry& entry) {
      return entry.at == at && std::holds_alternative<Tree>(entry.value.v) &&
             nearest(entry.key, own).empty();
    });
  }

  bool check(const Value& tree) {
    c_.at = tree.at;
    Schema schema = session_schema();
    if (const Value* plugin = tree.find("plugin"))
      if (const std::string* name = std::get_if<std::string>(&plugin->v)) {
        auto facts = find_plugin(*name);
        if (facts) {
          result_.facts = *facts;
        } else {
          complain(out_, plugin->at, where_, "plugin " + quoted(*name) + ": " + facts.error().text);
        }
        Option own;  // of a plugin that is not there nothing can be said but that the table may be
        own.name = *name;
        own.type = facts ? OptionType::table : OptionType::map;
        own.required = facts.has_value();
        if (facts) own.fields = (*facts)->schema;
        if (std::none_of(schema.begin(), schema.end(),
                         [&](const Option& o) { return o.name == own.name; }))
          schema.push_back(std::move(own));
      }
    std::vector<Diagnostic> found;
    c_.printed = check_table(schema, &tree, where_, tree.at, found);
    const bool good = found.empty() && result_.facts;
    // What is wrong in a layer has been told once, of the layer.
    std::erase_if(found, [&](const Diagnostic& d) { return !around_.layers.label(d.at).empty(); });
    if (!result_.facts) {  // nor of what stands in its table
      const std::string* name =
          tree.find("plugin") ? std::get_if<std::string>(&tree.find("plugin")->v) : nullptr;
      if (name)
        std::erase_if(found, [&](const Diagnostic& d) {
          return d.text.starts_with(where_ + ": " + *name) || may_be_a_plugins(tree, d.at);
        });
    }
    out_.insert(out_.end(), found.begin(), found.end());
    label(c_.printed);
    if (c_.printed.slots.size() > session_schema().size()) {
      if (result_.facts && !c_.printed.slots.back().tables.empty()) {
        c_.options = std::move(c_.printed.slots.back().tables.front());
        c_.options_schema = &result_.facts->schema;
      }
      c_.printed.slots.pop_back();
    }
    for (const char* name :
         {"retry", "transport"})  // there even when a mistake stands in their place
      if (Fields f(session_schema(), c_.printed); f[name].tables.empty()) {
        std::vector<Diagnostic> none;
        const Schema& all = session_schema();
        const auto it =
            std::find_if(all.begin(), all.end(), [&](const Option& o) { return o.name == name; });
        f[name].tables.push_back(check_table(it->fields, nullptr, where_, tree.at, none));
      }
    return good;
  }

  void label(Checked& table) {
    for (Slot& slot : table.slots) {
      if (const std::string layer = around_.layers.label(slot.at);
          !layer.empty() && slot.origin != "default")
        slot.origin = layer + ", " + slot.origin;
      for (Checked& inner : slot.tables) label(inner);
    }
  }

  void plain(const Fields& f) {
    c_.name = f["name"].text;
    if (const std::string why = wrong_name(c_.name); f["name"].present && !why.empty())
      wrong(f["name"], "name " + why);
    c_.description = f["description"].text;
    c_.enabled = f["enabled"].number != 0;
    c_.template_name = f["template"].text;
    c_.plugin = f["plugin"].text;
    c_.mode = static_cast<Mode>(f["mode"].number);
    c_.v6only = f["v6only"].number != 0;
    if (f["max_dynamic"].present)
      c_.max_dynamic = static_cast<std::uint32_t>(f["max_dynamic"].number);
    c_.log_level = level_of(f["log_level"]);
    const Slot& labels = f["labels"];
    for (std::size_t i = 0; i + 1 < labels.items.size(); i += 2) {
      const std::string& key = labels.items[i];
      c_.labels[key] = labels.items[i + 1];
      const bool good = !std::isdigit(static_cast<unsigned char>(key.empty() ? '0' : key[0])) &&
                        std::all_of(key.begin(), key.end(),
                                    [](unsigned char ch) { return std::isalnum(ch) || ch == '_'; });
      if (!good)
        wrong(labels,
              "label " + quoted(key) + " must be letters, digits and underscores, no digit first");
    }
    if (c_.labels.size() > most_labels)
      wrong(labels, "has " + std::to_string(c_.labels.size()) + " labels; 8 is the most");
  }

  void links(const Fields& f) {
    const PluginFacts* facts = result_.facts;
    Slot& link = f["link"];
    if (!facts) return;
    if (link.present) {
      c_.link = static_cast<LinkMode>(link.number);
      const bool served = c_.link == LinkMode::persistent ? facts->persistent : facts->per_client;
      if (!served)
        wrong(link, "link = " + quoted(link.text) + " is not what plugin " + quoted(c_.plugin) +
                        " does; it needs link = \"" +
                        std::string(to_string(facts->persistent ? LinkMode::persistent
                                                                : LinkMode::per_client)) +
                        '"');
    } else if (!is_bad(link)) {
      c_.link = facts->default_link;
      set_default(link, std::string(to_string(c_.link)), static_cast<std::int64_t>(c_.link));
    }
    if (c_.link == LinkMode::per_client && c_.mode == Mode::both)
      wrong(f["mode"],
            std::string(
                "mode = \"both\" needs one link that is kept up; write link = \"persistent\"") +
                (facts->persistent ? ""
                                   : ", which plugin " + quoted(c_.plugin) +
                                         " does not do: choose mode active or passive"));
  }

  void peer(const Fields& f) {
    const Slot& slot = f["peer"];
    if (!slot.present) return;
    const std::string said = "peer = " + quoted(slot.text);
    if (slot.text.starts_with("unix:"))
      return wrong(slot, said + " is a UNIX socket; a peer is reached over TCP");
    if (looks_like_host_name(slot.text))
      return wrong(slot, said +
                             " is a host name; the key is bound to the peer's address, so write "
                             "the address itself");
    if (slot.text.find('/') != std::string::npos) return peer_prefix(slot, said);
    const auto parsed = Endpoint::parse_address_or_endpoint(slot.text);
    if (!parsed) return wrong(slot, "peer: " + parsed.error().text);
    c_.peer = *parsed;
    if (c_.mode == Mode::passive) {
      if (c_.peer.port != 0) {
        wrong(slot, said +
                        " has a port, but a passive session does not choose the peer's port; write "
                        "the address alone");
        c_.peer.port = 0;
      }
    } else if (c_.peer.port == 0) {
      wrong(slot, said + " needs a port to dial, such as " +
                      quoted(Endpoint{
                          c_.peer.address,
                          result_.facts && result_.facts->default_port ? result_.facts->default_port
                                                                       : std::uint16_t{179},
                          {}}.to_string()));
    }
    if (is_for_many(c_.peer.address))
      wrong(slot, said + " is a multicast or broadcast address; a peer is one host, over TCP");
    if (c_.peer.address.is_any())
      wrong(slot, said + " is no address of a peer; passive sessions may take a prefix instead");
  }

  void peer_prefix(const Slot& slot, const std::string& said) {
    const auto parsed = Prefix::parse(slot.text);
    if (!parsed) return wrong(slot, "peer: " + parsed.error().text);
    if (c_.mode != Mode::passive)
      return wrong(slot, said +
                             " is a prefix, and a prefix cannot be dialled; write mode = "
                             "\"passive\" or one address with its port");
    if (is_for_many(parsed->address))
      wrong(slot, said + " holds multicast or broadcast addresses; a peer is one host, over TCP");
    if (parsed->is_host()) {
      c_.peer.address = parsed->address;
      return;
    }
    c_.peer_prefix = *parsed;
    if (const auto written = Address::parse(slot.text.substr(0, slot.text.find('/')));
        written && !(*written == parsed->address))
      warn(slot, said + " has bits set beyond its length; " + quoted(parsed->to_string()) +
                     " is what it means");
    // Of the others nobody could tell whether a peer is worth a session of its own.
    if (c_.link == LinkMode::persistent && result_.facts && !result_.facts->handshake)
      wrong(slot, result_.facts->per_client
                      ? "a prefix peer needs link = \"per-client\""
                      : "a prefix peer needs link = \"per-client\", which plugin " +
                            quoted(c_.plugin) + " does not do; write a session for each peer");
  }

  void source(const Fields& f) {
    Slot& slot = f["source"];
    const bool listens = c_.mode != Mode::active;
    if (!slot.present) {
      if (listens && !is_bad(slot))
        wrong(f["mode"],
              "mode = " + quoted(f.word("mode")) + " needs source, the local address to listen on");
      return;
    }
    const std::string said = "source = " + quoted(slot.text);
    if (slot.text.starts_with("unix:"))
      return wrong(slot, said + " is a UNIX socket; the link to a peer is TCP");
    if (looks_like_host_name(slot.text))
      return wrong(slot, said + " is a host name; write the address itself");
    const auto parsed = Endpoint::parse_address_or_endpoint(slot.text);
    if (!parsed) return wrong(slot, "source: " + parsed.error().text);
    c_.source = *parsed;
    if (c_.source.address.is_any() && c_.mode != Mode::passive)
      wrong(slot, said + (c_.mode == Mode::active
                              ? " says nothing to a session that dials; leave it out"
                              : " is no address to dial from; write the one that the peer knows"));
    if (!listens && c_.link == LinkMode::per_client && c_.source.port != 0)
      warn(slot,
           said +
               " has a port, and from one port there can be one link at a time: a second "
               "client waits in vain, and one that follows for up to a minute (TIME_WAIT); write " +
               quoted(c_.source.address.to_string()));
    if (!listens || c_.source.port != 0 || !result_.facts) return;
    c_.source.port = result_.facts->default_port;
    if (c_.source.port == 0)
      wrong(slot, said + " needs the port to listen on, for plugin " + quoted(c_.plugin) +
                      " has none of its own");
  }

  void families(const Fields& f) {
    if (!c_.source.is_set()) return;
    const Address& far = c_.peer_prefix ? c_.peer_prefix->address : c_.peer.address;
    const Slot& slot = f["source"];
    if (!far || far.family == c_.source.address.family) return;
    const bool takes_both = c_.source.address.is_any() && c_.source.address.family == 6;
    if (takes_both && !c_.v6only) return;
    wrong(slot, takes_both
                    ? "source = " + quoted(slot.text) + " with v6only takes no IPv4, but peer = " +
                          quoted(f.word("peer")) + " is IPv4"
                    : "source = " + quoted(slot.text) + " and peer = " + quoted(f.word("peer")) +
                          " are of different families, IPv4 and IPv6; a link has one");
  }

  void keychain(const Fields& f) {
    const Slot& slot = f["keychain"];
    if (!slot.present || slot.text == "none") return;
    c_.keychain = slot.text;
    const auto& chains = around_.keychains;
    const auto it = std::find_if(chains.begin(), chains.end(),
                                 [&](const KeyChainConfig& k) { return k.name == slot.text; });
    if (it == chains.end()) return wrong(slot, no_such_chain(slot.text, chains));
    rolls_ = it->keys.size() > 1;
  }

  void app(const Fields& f) {
    Slot& slot = f["app"];
    Slot& mode = f["app_mode"];
    c_.app_remote = f["app_remote"].number != 0;
    c_.app_socket_mode = f["app_socket_mode"].text;
    c_.app_socket_group = f["app_socket_group"].text;
    const std::string& bits = c_.app_socket_mode;
    if (f["app_socket_mode"].present && (bits.size() < 3 || bits.size() > 4 ||
                                         bits.find_first_not_of("01234567") != std::string::npos ||
                                         (bits.size() == 4 && bits[0] != '0')))
      wrong(f["app_socket_mode"], "app_socket_mode = " + quoted(bits) +
                                      " must be a file mode in octal, such as \"0660\"");
    if (result_.facts) app_mode(mode);
    app_users(f["app_users"]);
    if (!slot.present) {
      const bool accepts_only = c_.link == LinkMode::per_client && c_.mode == Mode::passive;
      if (result_.facts && accepts_only && !result_.facts->app_optional && !is_bad(slot))
        complain(out_, c_.at, where_,
                 "app is missing; a passive per-client session connects to it for each link that "
                 "it accepts");
      return;
    }
    const auto parsed = Endpoint::parse(slot.text);
    if (!parsed) return;  // told by the schema
    c_.app = *parsed;
    const std::string said = "app = " + quoted(slot.text);
    if (dynamic() && c_.app_mode == AppMode::listen &&
        (!c_.app->is_unix() || c_.app->path.find("{addr}") == std::string::npos))
      wrong(slot, said +
                      " is one place for the apps of all peers in the prefix; write a UNIX path "
                      "with {addr} in it, such as \"unix:/run/peerhold/{name}.{addr}\", or "
                      "app_mode = \"connect\"");
    if (c_.app->is_unix()) return unix_app(slot, said);
    loopback(slot, *c_.app, said);
  }

  // Endpoints among the plugin's options are apps as well.
  void plugin_apps(const Schema& schema, const Checked& values, const std::string& table) {
    for (std::size_t i = 0; i < schema.size() && i < values.slots.size(); ++i) {
      const Slot& slot = values.slots[i];
      const std::string name = table + "." + schema[i].name;
      for (std::size_t n = 0; n < slot.tables.size(); ++n) {
        const bool many = schema[i].type == OptionType::tables;
        plugin_apps(schema[i].fields, slot.tables[n],
                    many ? name + "[" + std::to_string(n + 1) + "]" : name);
      }
      if (schema[i].type != OptionType::endpoint || !slot.present) continue;
      const auto at = Endpoint::parse(slot.text);
      if (at && !at->is_unix()) loopback(slot, *at, name + " = " + quoted(slot.text));
    }
  }

  void loopback(const Slot& slot, const Endpoint& at, const std::string& said) {
    if (at.port == 0) wrong(slot, said + " needs a port");
    if (!at.address.is_loopback() && !c_.app_remote)
      wrong(slot, said +
                      " is not a loopback address, so its bytes would cross the network "
                      "unauthenticated; use one, or a UNIX socket, or write app_remote = true");
  }

  void app_users(Slot& slot) {
    // What is wrong in a layer is said once, of the layer.
    const std::string layer = around_.layers.label(slot.at);
    const std::string& where = layer.empty() ? where_ : layer;
    const auto say = [&](const std::string& text, Diagnostic::Severity severity) {
      const bool told = std::any_of(out_.begin(), out_.end(), [&](const Diagnostic& d) {
        return d.at == slot.at && d.text == where + ": " + text;
      });
      if (!told || layer.empty()) complain(out_, slot.at, where, text, severity);
    };
    // One that accepts connections alone can tell who it is that comes.
    const bool dials = result_.facts && c_.app_mode == AppMode::connect;
    if (dials && layer.empty() && !slot.items.empty())
      say("app_users says who may connect as the app, but here the keeper connects to the app" +
              std::string(c_.link == LinkMode::per_client ? ", as passive per-client sessions do"
                                                          : " (app_mode = \"connect\")") +
              "; leave it out",
          Diagnostic::error);
    if (dials) slot.items.clear();  // meant for the other sessions of its layer
    c_.app_users = slot.items;
    for (const std::string& user : slot.items) {
      const std::string entry = "app_users has " + quoted(user) + ", which ";
      if (const std::string why = wrong_user(user); !why.empty())
        say(entry + why + "; write a user's name or number", Diagnostic::error);
      else if (user.find_first_not_of("0123456789") != std::string::npos &&
               getpwnam(user.c_str()) == nullptr)
        say(entry + "is nobody's name on this host and lets nobody in", Diagnostic::warning);
    }
  }

  // Each peer of the prefix has a session of its own.
  bool dynamic() const {
    return c_.peer_prefix && c_.link == LinkMode::persistent && result_.facts &&
           result_.facts->handshake;
  }

  void unix_app(const Slot& slot, const std::string& said) {
    const std::string& path = c_.app->path;
    std::string longest = path;
    if (dynamic())
      longest = expand_app_path(
          path, c_.name,
          c_.peer_prefix->address.family == 4 ? "255.255.255.255" : std::string(39, 'f'));
    if (longest.size() > longest_unix_path)
      wrong(slot, said + " is longer than the 107 bytes that a UNIX socket's path may have" +
                      (longest == path ? "" : ", with the longest address of its prefix"));
    if (!dynamic() &&
        (path.find("{name}") != std::string::npos || path.find("{addr}") != std::string::npos))
      wrong(slot, said +
                      ": {name} and {addr} are for the persistent sessions of a prefix peer only; "
                      "write the path itself");
  }

  void app_mode(Slot& mode) {
    const bool per_client = c_.link == LinkMode::per_client;
    c_.app_mode = per_client && c_.mode == Mode::passive ? AppMode::connect : AppMode::listen;
    if (!mode.present) {
      if (!is_bad(mode))
        set_default(mode, std::string(to_string(c_.app_mode)),
                    static_cast<std::int64_t>(c_.app_mode));
      return;
    }
    const AppMode given = static_cast<AppMode>(mode.number);
    if (per_client && given != c_.app_mode && c_.mode != Mode::both)
      wrong(mode,
            c_.mode == Mode::passive
                ? "app_mode = \"listen\" contradicts a passive per-client session, which connects "
                  "to the app for each link; leave it out, or write link = \"persistent\""
                : "app_mode = \"connect\" contradicts an active per-client session, whose apps "
                  "come to the keeper; leave it out, or write link = \"persistent\"");
    c_.app_mode = given;
  }

  void retry(const Fields& f) {
    RetryConfig& r = c_.retry;
    if (f["min"].present) r.min = f.duration("min");
    if (f["max"].present) r.max = f.duration("max");
    if (f["factor"].present) r.factor = f["factor"].real;
    if (f["jitter"].present) r.jitter = f["jitter"].real;
    if (f["reset_after"].present) r.reset_after = f.duration("reset_after");
    if (f["connect_timeout"].present) r.connect_timeout = f.duration("connect_timeout");
    if (f["min"].present && f["max"].present && r.min > r.max)
      wrong(f["min"].origin == "default" ? f["max"] : f["min"],
            "retry.min = \"" + format_duration(r.min) + "\" is longer than retry.max = \"" +
                format_duration(r.max) + "\"; make max the longer one");
  }

  void transport(const Fields& f) {
    TransportConfig& t = c_.transport;
    const Slot& hops = f["ttl_security_hops"];
    if (hops.present && hops.number >= 0) t.ttl_security_hops = static_cast<unsigned>(hops.number);
    if (f["mss"].present) t.mss = static_cast<unsigned>(f["mss"].number);
    if (f["buffer"].present) t.buffer = static_cast<std::uint64_t>(f["buffer"].number);
    t.freebind = f["freebind"].number != 0;
    t.congestion = f["congestion"].text;
    if (t.congestion.empty() || t.congestion.size() > 15 ||
        t.congestion.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") !=
            std::string::npos)
      wrong(
          f["congestion"],
          "transport.congestion = " + quoted(t.congestion) +
              " is not the name of a congestion control; write \"auto\", or one such as \"cubic\"");
    plugin_transport(f);
    interface(f["interface"]);
    if (rolls_ && t.user_timeout && *t.user_timeout < std::chrono::seconds(60))
      warn(f["user_timeout"], "transport.user_timeout = \"" + format_duration(*t.user_timeout) +
                                  "\" is below 60s while keychain " + quoted(c_.keychain) +
                                  " has several keys; a move to another key may end the link");
  }

  // Where the plugin has a default of its own.
  void plugin_transport(const Fields& f) {
    TransportConfig& t = c_.transport;
    const PluginFacts* facts = result_.facts;
    Slot& user = f["user_timeout"];
    if (user.present) t.user_timeout = f.duration("user_timeout");
    t.user_timeout_given = user.present;
    Slot& keepalive = f["keepalive"];
    if (keepalive.present && keepalive.number >= 0) t.keepalive = f.duration("keepalive");
    Slot& dscp = f["dscp"];
    if (dscp.present) t.dscp = static_cast<unsigned>(dscp.number);
    if (!facts) return;
    if (!user.present && !is_bad(user)) {
      t.user_timeout = facts->default_user_timeout.value_or(std::chrono::minutes(2));
      set_default(user, format_duration(*t.user_timeout), t.user_timeout->count());
    }
    if (!keepalive.present && !is_bad(keepalive)) {
      if (!facts->no_keepalive)
        t.keepalive = facts->default_keepalive.value_or(std::chrono::seconds(30));
      set_default(keepalive, t.keepalive ? format_duration(*t.keepalive) : "off",
                  t.keepalive ? t.keepalive->count() : -1);
    }
    if (!dscp.present && !is_bad(dscp) && facts->default_dscp) {
      t.dscp = facts->default_dscp;
      set_default(dscp, std::to_string(*t.dscp), *t.dscp);
    }
  }

  void interface(Slot& slot) {
    std::string& device = c_.transport.interface;
    device = slot.text;
    if (device.size() > longest_interface || device.find_first_of("/ \t\n") != std::string::npos ||
        device == "." || device == "..")
      wrong(slot, "transport.interface = " + quoted(device) +
                      " is not the name of a device: at most 15 bytes, no slash, no space");
    for (Address* address : {&c_.peer.address, &c_.source.address}) {
      if (!address->is_link_local() || address->family != 6) continue;
      const char* key = address == &c_.peer.address ? "peer" : "source";
      if (address->scope.empty()) address->scope = device;
      if (device.empty()) device = address->scope;
      if (device.empty())
        complain(out_, c_.at, where_,
                 std::string(key) +
                     " is a link-local address and needs its device, such as [fe80::1%eth0]:179");
      else if (address->scope != device)
        wrong(slot, std::string(key) + " is on device " + quoted(address->scope) +
                        " but transport.interface = " + quoted(device) + "; they must be the same");
    }
  }

  const SessionSurroundings& around_;
  std::vector<Diagnostic>& out_;
  std::string where_;
  ReadSession result_;
  SessionConfig& c_ = result_.config;
  bool rolls_ = false;
};

}  // namespace

ReadSession read_session(const Value& tree, std::size_t number, const SessionSurroundings& around,
                         std::vector<Diagnostic>& out) {
  return SessionReader(around, out).read(tree, number);
}

}  // namespace peerhold
