// The option table of [session.bgp] and its reading. Called by the glue in bgp.cpp and by Speaker.
#include "options.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace bgp {
namespace {

enum Opt : std::uint32_t {
  local_as,
  peer_as,
  router_id,
  hold_time,
  families,
  route_refresh,
  four_octet_as,
  extended_messages,
  add_path_,
  role,
  graceful_restart,
  forwarding,
  gr_notification,
  shutdown_message,
  next_hop,
  next_hop6,
  app_hold_time,
  app_backlog,
  on_app_loss,
  on_app_cease,
  hold_limit,
  on_hold_limit,
  settle,
  stale_time,
  max_routes_held,
  keep_peer_routes,
  max_routes_kept,
  on_stop,
  delay_open,
  passive_timeout,
};

constexpr const char* any_choice[] = {"any", nullptr};
constexpr const char* none_choice[] = {"none", nullptr};
constexpr const char* add_path_choices[] = {"off", "receive", "send", "both", nullptr};
constexpr const char* role_choices[] = {"none",     "provider", "rs",   "rs-client",
                                        "customer", "peer",     nullptr};
constexpr const char* forwarding_choices[] = {"preserved", "none", nullptr};
constexpr const char* loss_choices[] = {"hold", "withdraw", "close", nullptr};
constexpr const char* cease_choices[] = {"loss", "close", nullptr};
constexpr const char* limit_choices[] = {"withdraw", "close", nullptr};
constexpr const char* keep_choices[] = {"auto", "always", "never", nullptr};
constexpr const char* stop_choices[] = {"graceful", "cease", nullptr};

constexpr std::int64_t most_as = 4294967295;
constexpr std::int64_t most_hold_ms = 65535000, most_restart_ms = 4095000;  // 16 and 12 bits of s

bool parse_ipv4(const char* text, void* to) {
  return inet_pton(AF_INET, text, to) == 1;
}
bool parse_ipv6(const char* text, void* to) {
  return inet_pton(AF_INET6, text, to) == 1;
}

std::optional<std::uint32_t> parse_identifier(const char* text) {
  in_addr address{};
  if (!parse_ipv4(text, &address) || address.s_addr == 0) return std::nullopt;
  return ntohl(address.s_addr);
}

std::optional<Ms> duration(const ph::Config& c, Opt option) {
  const std::int64_t ms = c.number(option);
  if (c.count(option) == 0 || ms < 0) return std::nullopt;
  return ms;
}

std::uint16_t seconds(const ph::Config& c, Opt option) {
  return static_cast<std::uint16_t>(c.number(option) / 1000);
}

std::string text(const ph::Config& c, Opt option) {
  return std::string(c.text(option));
}

}  // namespace

const ph_option option_table[option_count] = {
    {.name = "local_as",
     .help = "Our AS number, towards the peer; the app must use it as well.",
     .min = 1,
     .max = most_as,
     .type = PH_INT,
     .flags = PH_OPT_REQUIRED},
    {.name = "peer_as",
     .help = "The peer's AS number, or \"any\".",
     .choices = any_choice,
     .min = 1,
     .max = most_as,
     .type = PH_INT,
     .flags = PH_OPT_REQUIRED},
    {.name = "router_id",
     .help = "BGP identifier, written as an IPv4 address; by default the IPv4 address of the link.",
     .type = PH_STRING},
    {.name = "hold_time",
     .help = "Hold time that is offered to the peer, in whole seconds; 0s: no keepalives, else 3s "
             "or more.",
     .default_value = "\"90s\"",
     .max = most_hold_ms,
     .type = PH_DURATION_MS},
    {.name = "families",
     .help =
         "Address families that are offered, as \"ipv4-unicast\", \"ipv6-vpn\", \"l2vpn-evpn\" or "
         "\"AFI/SAFI\" in numbers.",
     .default_value = "[\"ipv4-unicast\"]",
     .type = PH_LIST,
     .item_type = PH_STRING},
    {.name = "route_refresh",
     .help = "Offers route refresh (RFC 2918) and enhanced route refresh (RFC 7313).",
     .default_value = "true",
     .type = PH_BOOL},
    {.name = "four_octet_as",
     .help = "Offers four-octet AS numbers (RFC 6793).",
     .default_value = "true",
     .type = PH_BOOL},
    {.name = "extended_messages",
     .help = "Offers messages of up to 65535 bytes (RFC 8654); the app must be able to take them.",
     .default_value = "false",
     .type = PH_BOOL},
    {.name = "add_path",
     .help = "Offers several paths a prefix (RFC 7911) in every family, in this direction; the app "
             "must do the same.",
     .default_value = "\"off\"",
     .choices = add_path_choices,
     .type = PH_CHOICE},
    {.name = "role",
     .help = "Our BGP role (RFC 9234).",
     .default_value = "\"none\"",
     .choices = role_choices,
     .type = PH_CHOICE},
    {.name = "graceful_restart",
     .help =
         "Restart time that is offered (RFC 4724): so long the router keeps our routes while the "
         "link is away; \"none\" does not offer it.",
     .default_value = "\"2m\"",
     .choices = none_choice,
     .min = 1000,
     .max = most_restart_ms,
     .type = PH_DURATION_MS},
    {.name = "forwarding",
     .help =
         "Does what forwards the packets go on while peerhold restarts? \"preserved\" sets the F "
         "bit of RFC 4724.",
     .default_value = "\"preserved\"",
     .choices = forwarding_choices,
     .type = PH_CHOICE},
    {.name = "gr_notification",
     .help = "Offers the N bit of RFC 8538: routes are kept over a NOTIFICATION, too.",
     .default_value = "false",
     .type = PH_BOOL},
    {.name = "shutdown_message",
     .help =
         "Text that a shutdown or reset tells the peer (RFC 9003) when the operator gives none.",
     .default_value = "\"\"",
     .type = PH_STRING,
     .flags = PH_OPT_LIVE},
    {.name = "next_hop",
     .help =
         "\"source\": a loopback address that the app gives as next hop is replaced by the link's "
         "local address; \"untouched\"; or the address that replaces every next hop.",
     .default_value = "\"source\"",
     .type = PH_STRING,
     .flags = PH_OPT_LIVE},
    {.name = "next_hop6",
     .help = "The address for next hops of the other family than the link's.",
     .type = PH_STRING,
     .flags = PH_OPT_LIVE},
    {.name = "app_hold_time",
     .help = "Hold time that is offered to the app; 0s: none, else 3s or more.",
     .default_value = "\"90s\"",
     .max = most_hold_ms,
     .type = PH_DURATION_MS,
     .flags = PH_OPT_LIVE},
    {.name = "app_backlog",
     .help =
         "Most bytes that wait for a slow app; beyond it the app is detached and gets the table "
         "afresh when it returns.",
     .default_value = "\"64MiB\"",
     .min = 131072,
     .max = std::int64_t{1} << 40,
     .type = PH_BYTES,
     .flags = PH_OPT_LIVE},
    {.name = "on_app_loss",
     .help =
         "When the app is gone: \"hold\" its routes, \"withdraw\" them, or \"close\" the session "
         "with the peer until it returns.",
     .default_value = "\"hold\"",
     .choices = loss_choices,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
    {.name = "on_app_cease",
     .help =
         "An app's Cease is a \"loss\" like any other, or its administrative shutdown is passed on "
         "and the session with the peer \"close\"d.",
     .default_value = "\"loss\"",
     .choices = cease_choices,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
    {.name = "hold_limit",
     .help = "How long routes are held without an app; \"none\": for ever.",
     .default_value = "\"2m\"",
     .choices = none_choice,
     .max = INT64_MAX,
     .type = PH_DURATION_MS,
     .flags = PH_OPT_LIVE},
    {.name = "on_hold_limit",
     .help = "Then: \"withdraw\" the routes and stay Established, or \"close\" the session until "
             "an app "
             "comes.",
     .default_value = "\"withdraw\"",
     .choices = limit_choices,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
    {.name = "settle",
     .help =
         "What a returned app has not announced again is not withdrawn before this, even if its "
         "End-of-RIB came earlier.",
     .default_value = "\"30s\"",
     .max = INT64_MAX,
     .type = PH_DURATION_MS,
     .flags = PH_OPT_LIVE},
    {.name = "stale_time",
     .help = "... and is withdrawn after this, even if no End-of-RIB came.",
     .default_value = "\"2m\"",
     .max = INT64_MAX,
     .type = PH_DURATION_MS,
     .flags = PH_OPT_LIVE},
    {.name = "max_routes_held",
     .help = "Most routes that the app may announce; over it the app gets Cease 6/1.",
     .default_value = "1000000",
     .min = 1,
     .max = INT64_MAX,
     .type = PH_INT,
     .flags = PH_OPT_LIVE},
    {.name = "keep_peer_routes",
     .help =
         "A copy of the peer's routes for apps that return: \"auto\" where the peer has no route "
         "refresh, \"always\", \"never\".",
     .default_value = "\"auto\"",
     .choices = keep_choices,
     .type = PH_CHOICE},
    {.name = "max_routes_kept",
     .help = "Most routes of that copy; over it the copy is given up, with a warning.",
     .default_value = "1000000",
     .min = 1,
     .max = INT64_MAX,
     .type = PH_INT,
     .flags = PH_OPT_LIVE},
    {.name = "on_stop",
     .help =
         "When the keeper stops: \"graceful\" closes without a NOTIFICATION where graceful restart "
         "was agreed to, \"cease\" always sends Cease 6/2.",
     .default_value = "\"graceful\"",
     .choices = stop_choices,
     .type = PH_CHOICE,
     .flags = PH_OPT_LIVE},
    {.name = "delay_open",
     .help = "Waits so long for the peer's OPEN before sending ours (RFC 4271 DelayOpen).",
     .default_value = "\"none\"",
     .min = 1,
     .max = 240000,
     .type = PH_DURATION_MS},
    {.name = "passive_timeout",
     .help = "An accepted link on which the peer's OPEN has not come within this is closed.",
     .default_value = "\"4m\"",
     .min = 1000,
     .max = 240000,
     .type = PH_DURATION_MS},
};
static_assert(passive_timeout + 1 == option_count);

std::string dotted(std::uint32_t identifier) {
  char out[INET_ADDRSTRLEN];
  const in_addr address{htonl(identifier)};
  inet_ntop(AF_INET, &address, out, sizeof out);
  return out;
}

Options read_options(const ph::Config& c) {
  Options o;
  o.local_as = static_cast<std::uint32_t>(c.number(local_as));
  if (const std::int64_t as = c.number(peer_as); as > 0) o.peer_as = static_cast<std::uint32_t>(as);
  o.router_id = parse_identifier(text(c, router_id).c_str());
  o.hold_time_s = seconds(c, hold_time);
  o.app_hold_time_s = seconds(c, app_hold_time);
  for (std::size_t i = 0; i < c.count(families); ++i) {
    if (const auto family = parse_family(c.item(families, i))) o.families.push_back(*family);
  }
  o.route_refresh = c.number(route_refresh) != 0;
  o.four_octet_as = c.number(four_octet_as) != 0;
  o.extended_messages = c.number(extended_messages) != 0;
  o.add_path =
      static_cast<std::uint8_t>(c.number(add_path_));  // the choices stand in RFC 7911's order
  o.role = parse_role(text(c, role));
  if (const auto ms = duration(c, graceful_restart))
    o.graceful_restart_s = static_cast<std::uint16_t>(*ms / 1000);
  o.forwarding_preserved = c.number(forwarding) == 0;
  o.gr_notification = c.number(gr_notification) != 0;
  o.shutdown_message = text(c, shutdown_message);
  for (const std::string& hop : {text(c, next_hop), text(c, next_hop6)}) {
    std::array<std::uint8_t, 4> v4;
    std::array<std::uint8_t, 16> v6;
    if (parse_ipv4(hop.c_str(), v4.data())) o.next_hop4 = v4;
    if (parse_ipv6(hop.c_str(), v6.data())) o.next_hop6 = v6;
  }
  const std::string hop = text(c, next_hop);
  o.next_hop = hop == "source"      ? NextHopRule::What::loopbacks
               : hop == "untouched" ? NextHopRule::What::untouched
                                    : NextHopRule::What::always;
  o.app_backlog = static_cast<std::uint64_t>(c.number(app_backlog));
  o.holding.on_app_loss = static_cast<OnLoss>(c.number(on_app_loss));
  o.holding.hold_limit = duration(c, hold_limit);
  o.holding.on_hold_limit = static_cast<OnLimit>(c.number(on_hold_limit));
  o.holding.settle = c.number(settle);
  o.holding.stale_time = c.number(stale_time);
  o.close_on_app_cease = c.number(on_app_cease) == 1;
  o.max_routes_held = static_cast<std::size_t>(c.number(max_routes_held));
  o.keep_peer_routes = static_cast<Options::Keep>(c.number(keep_peer_routes));
  o.max_routes_kept = static_cast<std::size_t>(c.number(max_routes_kept));
  o.graceful_stop = c.number(on_stop) == 0;
  o.delay_open = duration(c, delay_open);
  o.passive_timeout = duration(c, passive_timeout);
  return o;
}

void check_options(const ph::Config& c, const ph_open& how) {
  for (const Opt option : {hold_time, app_hold_time}) {
    const std::int64_t ms = c.number(option);
    if (ms != 0 && ms < 3000)
      c.complain(option, "a hold time is 0s (no keepalives) or at least 3s (RFC 4271 §4.2)");
    if (ms % 1000 != 0) c.complain(option, "a hold time is a whole number of seconds");
  }
  if (c.count(router_id) != 0 && !parse_identifier(text(c, router_id).c_str()))
    c.complain(router_id, "\"" + text(c, router_id) +
                              "\" is no BGP identifier; write it as an IPv4 address that is not "
                              "0.0.0.0");
  if (c.count(router_id) == 0 && how.source.family != 4)
    c.complain(router_id,
               "is required where `source` is not an IPv4 address, which it would be taken "
               "from");
  if (c.number(role) != 0 && c.number(local_as) == c.number(peer_as))
    c.complain(role, "roles are for peers of another AS (RFC 9234 §4)");
  constexpr std::uint32_t whole_table = UINT32_MAX;
  if (const std::string app = how.app != nullptr ? how.app : "";
      app.starts_with("unix:") && app.find("{addr}") == std::string::npos)
    c.warn(whole_table,
           "the app is a UNIX socket, which few BGP programs can speak over; an address of "
           "127.0.0.0/8 with a port is what they take");
  if (c.number(hold_limit) < 0)
    c.warn(hold_limit, "with \"none\" routes stay announced for ever when the app does not return");
  if (c.count(families) > 63) c.complain(families, "more than 63 families fit into no OPEN");
  if (c.count(families) == 0) c.complain(families, "at least one family is needed");
  std::vector<Family> seen;
  for (std::size_t i = 0; i < c.count(families); ++i) {
    const std::string name(c.item(families, i));
    const auto family = parse_family(name);
    if (!family) {
      c.complain(families, "\"" + name +
                               "\" is no address family; known are ipv4- and ipv6- with unicast, "
                               "multicast, labelled, vpn, flowspec, vpn-flowspec; l2vpn-evpn; any "
                               "other as \"AFI/SAFI\"");
    } else if (std::ranges::find(seen, *family) != seen.end()) {
      c.complain(families, "\"" + name + "\" stands there twice");
    } else {
      seen.push_back(*family);
    }
  }
  if (!c.number(four_octet_as) && (c.number(local_as) > 65535 || c.number(peer_as) > 65535))
    c.complain(four_octet_as, "an AS number above 65535 needs four_octet_as = true");
  std::uint8_t address[16];
  const std::string hop = text(c, next_hop), hop6 = text(c, next_hop6);
  if (hop != "source" && hop != "untouched" && !parse_ipv4(hop.c_str(), address) &&
      !parse_ipv6(hop.c_str(), address))
    c.complain(next_hop, "\"" + hop + "\" is neither \"source\" nor \"untouched\" nor an address");
  if (c.count(next_hop6) != 0 && !parse_ipv4(hop6.c_str(), address) &&
      !parse_ipv6(hop6.c_str(), address))
    c.complain(next_hop6, "\"" + hop6 + "\" is no address");
  if (c.number(settle) > c.number(stale_time))
    c.complain(settle, "is longer than stale_time, which ends the wait");
  if (c.number(gr_notification) != 0 && c.number(graceful_restart) < 0)
    c.complain(gr_notification, "needs graceful_restart, which is \"none\"");
  if (text(c, shutdown_message).size() > 255)
    c.complain(shutdown_message, "has more than the 255 bytes that RFC 9003 allows");
  if (c.number(keep_peer_routes) == 2 && c.number(route_refresh) == 0)
    c.complain(keep_peer_routes,
               "\"never\" together with route_refresh = false leaves a returning "
               "app without the peer's routes");
  // Without a link no app is dialled, and without an app there would be no link.
  for (const Opt option : {on_app_loss, on_hold_limit}) {
    const bool closes = c.number(option) == (option == on_app_loss ? 2 : 1);
    if (closes && how.app_listens == 0)
      c.complain(option,
                 "\"close\" waits for an app that connects to the keeper; it needs app_mode = "
                 "\"listen\"");
  }
}

}  // namespace bgp
