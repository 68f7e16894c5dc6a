// tls: passthrough by name. An instance reads its client's ClientHello, answers or routes it, and
// from there on relays (plugins/relay) without looking at a byte.
//
// Passive: the client is behind the peer link, and the route names the app to dial. Active: the
// client is the app, and the session that pick() chose is its route to the peer.
#include <peerhold/plugin.hpp>

#include "options.hpp"
#include "relay.hpp"

namespace tls {
namespace {

using relay::Side;

enum Metric : std::uint32_t { routed, hellos, refused };
constexpr ph_metric metrics[] = {
    {.name = "routed_total", .help = "Clients by the route that took them.", .label = "route"},
    {.name = "hellos_total",
     .help = "Clients by the highest TLS version that they offer.",
     .label = "version"},
    {.name = "refused_total", .help = "Clients refused, by the reason.", .label = "reason"},
};

constexpr std::uint32_t hello_timer = 0;

class Tls {
 public:
  Tls(ph::Host host, const ph_open& how)
      : host_(host),
        passive_(how.active == 0),
        settings_(read_settings(host.config(how.config), passive_)),
        relay_(host, rules()) {}

  static void check(const ph::Config& config, const ph_open& how) { check_options(config, how); }

  // The next step counts: a client that has been routed goes on as it is.
  int reload(const ph_config* config) {
    settings_ = read_settings(host_.config(config), passive_);
    relay_.set(rules());
    return PH_OK;
  }

  void on_up(ph_link link, const ph_link_info& info) {
    const bool is_client = (link == PH_PEER) == passive_;
    if (!is_client && phase_ != Phase::routed)
      throw ph::Error(PH_INTERNAL, "a link before the client has said where it wants to go");
    if (is_client) {
      client_ = link;
      who_ = info.text ? info.text : "?";
    }
    relay_.up(link, info);
    if (!is_client) return;
    const bool late = (info.flags & PH_LINK_UNDECIDED) != 0;  // pick() has waited for so long
    host_.timer(hello_timer, late ? 0 : settings_.hello_timeout_ms);
  }

  std::ptrdiff_t on_data(ph_link link, ph::Bytes data) {
    if (phase_ == Phase::refused) return std::ssize(data);
    if (phase_ == Phase::reading) {
      held_ = data.size();
      read(data);
      if (phase_ != Phase::routed) return phase_ == Phase::refused ? std::ssize(data) : 0;
    }
    return relay_.data(link, data);
  }

  void on_eof(ph_link link) {
    if (phase_ == Phase::routed) return relay_.eof(link);
    if (phase_ != Phase::reading) return;
    if (held_ > 0)
      return refuse({Refusal::cut_short, "it closed in the middle of its ClientHello"});
    leave();  // who looks whether the port is open does no harm
  }

  void on_timer(std::uint32_t) {
    if (phase_ == Phase::reading)
      refuse({Refusal::timeout,
              "no whole ClientHello within " + std::to_string(settings_.hello_timeout_ms) + " ms"});
  }

  void on_writable(ph_link link) { relay_.writable(link); }

  void on_down(ph_link link, const ph_down& why) {
    relay_.down(link, why);
    // Its app may still be being dialled.
    const ph_link app = relay_.of(Side::app);
    if (link == PH_PEER && app != 0 && !relay_.pair().is_up(Side::app)) host_.close(app, true);
  }

  // Several active sessions on one app listener. Whom nobody takes, the first one refuses.
  static int pick(ph::Configs sessions, ph::Bytes data, std::span<std::uint8_t, 64>, std::size_t&) {
    const Reading reading = read_hello(data);
    if (std::holds_alternative<More>(reading)) return PH_EAGAIN;
    const auto* hello = std::get_if<Hello>(&reading);
    if (hello == nullptr) return 0;
    const auto name = dns_name(hello->sni).value_or("");
    std::size_t best = 0;
    Fit fit = Fit::none;
    for (std::size_t i = 0; i < sessions.all.size(); ++i) {
      const Routes routes = read_routes(sessions[i], false);
      const Fit how = routes.find(name, hello->alpn).fit;
      if (how > fit) fit = how, best = i;
    }
    return static_cast<int>(best);
  }

  static std::int64_t pick_wait(ph::Configs sessions) {
    std::int64_t least = INT64_MAX;
    for (std::size_t i = 0; i < sessions.all.size(); ++i)
      least = std::min(least, read_hello_timeout(sessions[i]));
    return least;
  }

 private:
  enum class Phase : std::uint8_t { reading, routed, refused };

  relay::Rules rules() const { return {.persistent = false, .header = settings_.proxy_header}; }

  void read(ph::Bytes data) {
    const Reading reading = read_hello(data);
    if (const auto* no = std::get_if<Refused>(&reading)) return refuse(*no);
    if (const auto* hello = std::get_if<Hello>(&reading)) go(*hello);
  }

  void go(const Hello& hello) {
    host_.metric(hellos, 1, version_text(hello.version).c_str());
    if (hello.version < settings_.min_version)
      return refuse({Refusal::old_version, "it offers TLS " + version_text(hello.version) +
                                               " at most, and min_version is " +
                                               version_text(settings_.min_version)});
    const auto name = dns_name(hello.sni);
    if (!name && !hello.sni.empty())
      return refuse({Refusal::bad_name,
                     "it asks for \"" + hello.sni.substr(0, 300) + "\", which is no name of DNS"});
    const auto found = settings_.routes.find(name.value_or(""), hello.alpn);
    if (found.route == nullptr) return refuse({Refusal::no_route, no_route(name, hello)});
    host_.metric(routed, 1, found.route->label.c_str());
    host_.timer(hello_timer, -1);
    phase_ = Phase::routed;
    if (!passive_) {
      host_.want_peer(true);
      return;
    }
    // What a client that offers one protocol speaks is known before a server has chosen.
    relay_.tell_app(hello.sni, hello.alpn.size() == 1 ? hello.alpn.front() : "");
    const std::string& to = found.route->app;
    ph_link app = 0;
    if (host_.dial(to.empty() ? nullptr : to.c_str(), 0, app) != PH_OK)
      throw ph::Error(PH_APP_UNREACHABLE, "app " + to + " is not in the configuration any more");
    relay_.expect(app);
  }

  static std::string no_route(const std::optional<std::string>& name, const Hello& hello) {
    if (!name) return "it names no server, and there is no default_app";
    std::string text = "no route for \"" + *name + "\"";
    for (std::size_t i = 0; i < hello.alpn.size() && i < 8; ++i)
      text += (i == 0 ? " with " : ", ") + hello.alpn[i];
    if (hello.encrypted)
      text += " (the outer name of an Encrypted ClientHello, or a pretence of one)";
    return text;
  }

  void refuse(const Refused& no) {
    const auto reason = name_of(no.why);
    host_.metric(refused, 1, reason.data());
    host_.log_repeated(PH_LOG_WARN, static_cast<std::uint32_t>(no.why),
                       "client " + who_ + " refused, " + std::string(reason) + ": " + no.text);
    if (const auto alert = alert_for(no.why)) host_.send(client_, alert_record(*alert));
    leave();
  }

  void leave() {
    phase_ = Phase::refused;
    host_.timer(hello_timer, -1);
    host_.close(client_, false);
  }

  ph::Host host_;
  const bool passive_;
  Phase phase_ = Phase::reading;
  ph_link client_ = PH_PEER;
  std::size_t held_ = 0;  // of its hello, with the core
  std::string who_;
  Settings settings_;
  relay::Relay relay_;
};

}  // namespace
}  // namespace tls

constinit const ph_plugin peerhold_plugin_1 = ph::plugin<tls::Tls>({
    .name = "tls",
    .version = "1.0.0",
    .summary =
        "Passes TLS through, to where the client's name and protocol lead, and never decrypts.",
    .licence = "MIT",
    .options = tls::option_table,
    .metrics = tls::metrics,
    .flags = PH_PER_CLIENT | PH_DIALS_APP | PH_APP_OPTIONAL | PH_ASKS_FOR_PEER,
});
