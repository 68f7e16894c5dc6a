// Speaker, the part that is seen: status, report, what an operator orders, metrics.
#include <nlohmann/json.hpp>

#include "speaker.hpp"

namespace bgp {
namespace {

using Json = nlohmann::ordered_json;

constexpr Type types[] = {Type::open, Type::update, Type::notification, Type::keepalive,
                          Type::route_refresh};

double in_seconds(Ms ms) {
  return static_cast<double>(ms) / 1000;
}

Json families_json(const std::vector<Family>& families) {
  Json out = Json::array();
  for (const Family family : families) out.push_back(to_string(family));
  return out;
}

Json counts(const std::array<std::uint64_t, 6>& by_type) {
  Json out = Json::object();
  for (const Type type : types) {
    std::string name(to_string(type));
    for (char& ch : name) ch = ch == '-' ? '_' : static_cast<char>(std::tolower(ch));
    out[name] = by_type[static_cast<std::size_t>(type)];
  }
  return out;
}

Json connection_json(const Connection& c, Ms now) {
  Json out;
  out["state"] = to_string(c.fsm.state);
  if (c.theirs) {
    const Agreement& a = c.agreed;
    out["as"] = c.theirs->as;
    out["identifier"] = dotted(c.theirs->identifier);
    out["hold_time_s"] = c.fsm.hold_time_s;
    if (c.hold_at != never) out["hold_left_s"] = in_seconds(std::max<Ms>(c.hold_at - now, 0));
    if (c.is(State::established)) {
      out["families"] = families_json(a.families);
      Json can = Json::array();
      if (a.four_octet_as) can.push_back("four-octet-as");
      if (a.route_refresh) can.push_back("route-refresh");
      if (a.enhanced_refresh) can.push_back("enhanced-route-refresh");
      if (a.extended_messages) can.push_back("extended-messages");
      if (!a.add_path.empty()) can.push_back("add-path");
      if (a.graceful_restart) can.push_back("graceful-restart");
      if (a.hard_resets) can.push_back("graceful-restart-notification");
      out["capabilities"] = std::move(can);
      if (a.graceful_restart) out["peer_restart_time_s"] = a.graceful_restart->time_s;
    }
    if (c.theirs->capabilities.role) out["role"] = to_string(*c.theirs->capabilities.role);
  }
  out["messages"] = {{"in", counts(c.in)}, {"out", counts(c.out)}};
  return out;
}

}  // namespace

std::string plural(std::size_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string Speaker::status() const {
  const Ms at = now();
  Json out;
  const auto told = [&](const char* name, const std::unique_ptr<Told>& one) {
    if (!one) return;
    out[name] = {{"code", one->what.code},
                 {"subcode", one->what.subcode},
                 {"text", describe(one->what)},
                 {"ago_s", in_seconds(at - one->at)}};
  };
  out["local_as"] = options_.local_as;
  if (identifier_) out["router_id"] = dotted(*identifier_);
  if (peer_) out["peer"] = connection_json(*peer_, at);
  if (rival_) out["rival"] = connection_json(*rival_, at);
  if (app_) {
    out["app"] = connection_json(*app_, at);
    if (app_->established_at != 0) out["app"]["attached_s"] = in_seconds(at - app_->established_at);
  } else if (waiting_app_ != 0) {
    out["app"] = {{"state", "waits for the link"}};
  }
  Json routes = Json::object();
  for (const Family family : held_.families()) routes[to_string(family)] = held_.size(family);
  out["routes_announced"] = std::move(routes);
  out["routes_stale"] = held_.stale();
  out["routes_memory"] = held_.memory() + kept_.memory();
  if (keeps_) out["peer_routes_kept"] = kept_.size();
  if (!app_ || !app_->speaks()) out["routes_held"] = held_.size();
  if (const auto left = hold_left(holding_, options_.holding, held(), at))
    out["hold_left_s"] = in_seconds(*left);
  if (!app_refused_.empty()) out["app_refused"] = app_refused_;
  if (!app_ && app_gone_at_)
    out["app_lost"] = {{"why", why_ended_}, {"ago_s", in_seconds(at - *app_gone_at_)}};
  if (left_out_ > 0) out["routes_too_large"] = left_out_;
  if (malformed_from_app_ > 0) out["updates_malformed_from_app"] = malformed_from_app_;
  out["updates_dropped_without_app"] = dropped_updates_;
  told("notification_sent", sent_);
  told("notification_received", received_);
  told("notification_from_app", from_app_);
  told("notification_to_app", to_app_told_);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int Speaker::report(ph_report& out) {
  const bool attached = app_ && app_->speaks();
  const auto left = hold_left(holding_, options_.holding, held(), now());
  if (left) out.hold_left_ms = *left;
  if (!attached) out.held = static_cast<std::int64_t>(held_.size());
  report_text_.clear();
  if (!attached && !app_refused_.empty()) {
    report_text_ = "the app was turned away: " + app_refused_;
  } else if (attached && held_.stale() > 0) {
    report_text_ = plural(held_.stale(), "route") + " that the app has not announced again";
  } else if (!attached && !has_app_ && held_.size() > 0) {
    // Of an app that is configured and away the core says so itself, with the number held.
    report_text_ = plural(held_.size(), "route") + " held without an app";
  }
  out.degraded = !report_text_.empty();
  if (out.degraded != 0) out.text = report_text_.c_str();
  return PH_OK;
}

int Speaker::command(const ph_command& command, std::string& reply) {
  const Ms at = now();
  switch (command.what) {
    case PH_CMD_HOLD:
      act(hold_for(holding_, options_.holding, held(), command.ms, at));
      reply = (plural(held_.size(), "route") + (app_ ? " will be held when the app leaves"
                                                : held_.size() == 1 ? " is held"
                                                                    : " are held"));
      return PH_OK;
    case PH_CMD_RELEASE: {
      const std::size_t affected = app_ ? held_.stale() : this->held();
      if (affected == 0) {
        reply = "nothing is held";
        return PH_EINVAL;
      }
      act(release(holding_, options_.holding, held(), at));
      reply = plural(affected, "route") + " released";
      return PH_OK;
    }
    case PH_CMD_REFRESH:
      if (!peer_ || !peer_->speaks()) {
        reply = "the session is not Established";
        return PH_EINVAL;
      }
      if (!peer_->agreed.route_refresh && !keeps_) {
        reply = "the peer has no route refresh (RFC 2918)";
        return PH_ENOTSUP;
      }
      // Towards the peer from what is held, which is what the app has announced.
      for (const Family family : peer_->agreed.families) answer_refresh(family);
      if (app_ && app_->speaks()) ask_for_table();
      reply = "refreshed both ways";
      return PH_OK;
    default:
      return PH_ENOTSUP;
  }
}

}  // namespace bgp
