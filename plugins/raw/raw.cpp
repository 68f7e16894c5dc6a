// raw: the relay itself as a plugin: its options, who may be an app, and idleness. What happens to
// the bytes is in plugins/relay.
#include <peerhold/plugin.hpp>

#include <algorithm>

#include "relay.hpp"

namespace raw {
namespace {

using relay::both;
using relay::Rules;
using relay::Side;

enum Opt : std::uint32_t { max_clients, idle_timeout, proxy_protocol, on_app_loss };
constexpr const char* proxy_choices[] = {"off", "v2", nullptr};
constexpr const char* loss_choices[] = {"keep", "reset", nullptr};
constexpr ph_option options[] = {
    {.name = "max_clients",
     .help = "Most clients at a time of a per-client session; one more is reset.",
     .default_value = "1024",
     .min = 1,
     .max = 1000000,
     .type = PH_INT,
     .flags = PH_OPT_LIVE},
    {.name = "idle_timeout",
     .help = "Closes a pair (persistent: the app's connection) on which nothing has moved, either "
             "way, for so long.",
     .default_value = "\"none\"",
     .min = 100,
     .max = INT64_MAX,
     .type = PH_DURATION_MS,
     .flags = PH_OPT_LIVE},
    {.name = "proxy_protocol",
     .help = "\"v2\": an app that the keeper connects to is first told by a PROXY header who the "
             "peer is.",
     .default_value = "\"off\"",
     .choices = proxy_choices,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
    {.name = "on_app_loss",
     .help = "Persistent: the link stays up without its app (\"keep\"), or is dropped and dialled "
             "again so that no app inherits half a conversation (\"reset\").",
     .default_value = "\"keep\"",
     .choices = loss_choices,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
};

enum Metric : std::uint32_t { refused_apps, idle_closed };
constexpr ph_metric metrics[] = {
    {.name = "refused_apps_total",
     .help = "App connections closed because another app is attached."},
    {.name = "idle_closed_total", .help = "Pairs or apps closed by idle_timeout."},
};

constexpr std::uint32_t idle_timer = 0;

Rules rules_of(const ph::Config& c, bool persistent) {
  return {persistent, c.number(proxy_protocol) == 1, persistent && c.number(on_app_loss) == 1};
}

class Raw {
 public:
  Raw(ph::Host host, const ph_open& how)
      : host_(host),
        persistent_(how.persistent != 0),
        relay_(host, rules_of(host.config(how.config), persistent_)) {
    const auto config = host_.config(how.config);
    idle_ms_ = std::max<std::int64_t>(config.number(idle_timeout), 0);
    const auto most = config.number(max_clients);
    if (!persistent_ && how.instances > most)
      throw ph::Error(PH_RESOURCE,
                      "max_clients = " + std::to_string(most) + " clients are connected already",
                      PH_ENOMEM);
  }

  static void check(const ph::Config& config, const ph_open& how) {
    if (config.number(proxy_protocol) == 1) relay::check_header(config, proxy_protocol, how);
    if (config.number(on_app_loss) == 1 && how.persistent == 0)
      config.complain(on_app_loss,
                      "needs link = \"persistent\"; a per-client link ends with its app");
  }

  int reload(const ph_config* new_config) {
    const auto config = host_.config(new_config);
    relay_.set(rules_of(config, persistent_));
    idle_ms_ = std::max<std::int64_t>(config.number(idle_timeout), 0);
    timer_set_ = false;
    watch_idleness();
    return PH_OK;
  }

  void on_up(ph_link link, const ph_link_info& info) {
    if (link != PH_PEER && relay_.pair().is_up(Side::app)) return refuse(link, info);
    relay_.up(link, info);
    watch_idleness();
  }

  std::ptrdiff_t on_data(ph_link link, ph::Bytes data) { return relay_.data(link, data); }
  void on_eof(ph_link link) { relay_.eof(link); }
  void on_writable(ph_link link) { relay_.writable(link); }
  void on_down(ph_link link, const ph_down& why) { relay_.down(link, why); }

  // Armed once for the whole time; when it is over the links say how long they have been idle.
  void on_timer(std::uint32_t) {
    timer_set_ = false;
    if (idle_ms_ == 0) return;
    auto idle = static_cast<std::uint64_t>(idle_ms_);
    for (const Side side : both)
      if (watched(side)) idle = std::min(idle, host_.info(relay_.of(side)).idle_ms);
    if (idle < static_cast<std::uint64_t>(idle_ms_)) {
      watch_idleness(idle_ms_ - static_cast<std::int64_t>(idle));
      return;
    }
    if (relay_.idle()) host_.metric(idle_closed, 1);
  }

  std::string status() const {
    auto yes = [](bool b) { return b ? "true" : "false"; };
    const auto number = [](std::size_t n) { return std::to_string(n); };
    const auto& pair = relay_.pair();
    return std::string("{\"app_attached\": ") + yes(pair.is_up(Side::app)) +
           ", \"spliced\": " + yes(relay_.spliced()) +
           ", \"held_from_peer\": " + number(pair.held(Side::peer)) +
           ", \"held_from_app\": " + number(pair.held(Side::app)) +
           ", \"refused_apps\": " + number(refused_) + "}";
  }

 private:
  // A persistent link may rest for ever; only what an app holds on to is watched there.
  bool watched(Side side) const {
    const auto& pair = relay_.pair();
    return pair.is_up(side) && !(persistent_ && !pair.is_up(Side::app));
  }

  void refuse(ph_link link, const ph_link_info& info) {
    host_.close(link, false);
    host_.metric(refused_apps, 1);
    ++refused_;
    if ((refused_ & (refused_ - 1)) == 0)  // the 1st, 2nd, 4th, 8th …
      host_.log(PH_LOG_WARN, std::string("app connection from ") + (info.text ? info.text : "?") +
                                 " closed: another app is attached, one at a time (" +
                                 std::to_string(refused_) + " so far)");
  }

  void watch_idleness() { watch_idleness(idle_ms_); }
  void watch_idleness(std::int64_t ms) {
    if (idle_ms_ == 0 || timer_set_ || (!watched(Side::peer) && !watched(Side::app))) return;
    timer_set_ = host_.timer(idle_timer, std::max<std::int64_t>(ms, 1)) == PH_OK;
  }

  ph::Host host_;
  bool persistent_;
  bool timer_set_ = false;
  relay::Relay relay_;
  std::int64_t idle_ms_ = 0;  // 0: never
  std::uint64_t refused_ = 0;
};

}  // namespace
}  // namespace raw

constinit const ph_plugin peerhold_plugin_1 = ph::plugin<raw::Raw>({
    .name = "raw",
    .version = "1.0.0",
    .summary = "Passes bytes both ways, unchanged and in order.",
    .licence = "MIT",
    .options = raw::options,
    .metrics = raw::metrics,
    .flags = PH_PERSISTENT | PH_PER_CLIENT,
});
