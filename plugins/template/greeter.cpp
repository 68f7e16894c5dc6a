// template: a complete plugin to begin from. It relays bytes between the peer and one app, and
// greets the peer on each new link. Copy the folder, rename "template" everywhere (the file, the
// project and the plugin bear one name), and change what the bytes mean.
//
// plugin.h is the contract; read its first page. What this plugin never does: keep bytes (what it
// does not consume stays with the core), block, or let an exception out (plugin.hpp catches).
#include <peerhold/plugin.hpp>

namespace {

// The plugin's options, [session.greeter]. Their index is their identity: keep the enum in step.
enum Opt : std::uint32_t { greeting, quiet };
constexpr ph_option options[] = {
    {.name = "greeting",
     .help = "Sent to the peer when a link comes up; nothing by default.",
     .default_value = "\"\"",
     .type = PH_STRING,
     .flags = PH_OPT_LIVE},
    {.name = "quiet",
     .help = "Does not log who comes and goes.",
     .default_value = "false",
     .type = PH_BOOL,
     .flags = PH_OPT_LIVE},
};

enum Metric : std::uint32_t { bytes };
constexpr ph_metric metrics[] = {
    {.name = "bytes_total", .help = "Bytes passed on.", .label = "to"},
};

// One instance: a session with link = "persistent", or one client of a per-client session.
class Greeter {
 public:
  Greeter(ph::Host host, const ph_open& how) : host_(host) { read(how.config); }

  // Contradictions between options, found by `peerhold check` before anything runs.
  static void check(const ph::Config& config, const ph_open&) {
    if (config.text(greeting).size() > 1024) config.complain(greeting, "is longer than 1024 bytes");
  }

  int reload(const ph_config* config) {
    read(config);
    return PH_OK;
  }

  void on_up(ph_link link, const ph_link_info& info) {
    if (link == PH_PEER) {
      const auto* text = reinterpret_cast<const std::uint8_t*>(greeting_.data());
      if (!greeting_.empty() && host_.send_whole(PH_PEER, {text, greeting_.size()}) <= 0)
        throw ph::Error(PH_RESOURCE, "there is no room for the greeting");
    } else if (app_ != 0) {
      host_.close(link, false);  // one app at a time
      return;
    } else {
      app_ = link;
    }
    if (!quiet_) host_.log(PH_LOG_DEBUG, std::string("here is ") + info.text);
  }

  std::ptrdiff_t on_data(ph_link from, std::span<const std::uint8_t> data) {
    const bool to_app = from == PH_PEER;
    if (!to_app && from != app_) return static_cast<std::ptrdiff_t>(data.size());
    if (to_app && app_ == 0) return 0;  // nobody home: offered again when an app is up
    const auto sent = host_.send(to_app ? app_ : PH_PEER, data);
    if (sent > 0) host_.metric(bytes, sent, to_app ? "app" : "peer");
    return sent;  // fewer than offered: the rest is offered again when there is room
  }

  void on_eof(ph_link from) {
    if (from == PH_PEER && app_ != 0) host_.send_eof(app_);
    if (from != PH_PEER && from == app_) host_.send_eof(PH_PEER);
  }

  void on_down(ph_link link, const ph_down& why) {
    if (link == PH_PEER && app_ != 0) host_.close(app_, why.unsent > 0);
    if (link != PH_PEER && link == app_) {
      app_ = 0;
      host_.close(PH_PEER, why.cause != PH_PEER_CLOSED);
    }
  }

  // Shown by `peerhold status NAME --json`.
  std::string status() const {
    return std::string("{\"app_attached\": ") + (app_ != 0 ? "true" : "false") + "}";
  }

 private:
  // A configuration is valid while the call lasts: copy what is needed later.
  void read(const ph_config* table) {
    const auto config = host_.config(table);
    greeting_ = config.text(greeting);
    quiet_ = config.number(quiet) != 0;
  }

  ph::Host host_;
  std::string greeting_;
  bool quiet_ = false;
  ph_link app_ = 0;  // 0: none
};

}  // namespace

constinit const ph_plugin peerhold_plugin_1 = ph::plugin<Greeter>({
    .name = "greeter",
    .version = "0.1.0",
    .summary = "Relays bytes and greets the peer: a plugin to begin from.",
    .licence = "MIT",
    .options = options,
    .metrics = metrics,
    .flags = PH_PERSISTENT | PH_PER_CLIENT,
});
