// Speaker, the part that both sides share: links, messages in, the state machine's actions,
// deadlines.
#include "speaker.hpp"

namespace bgp {
namespace {

constexpr std::size_t most_in_batch = 32 * 1024;  // bytes passed on in one go

}  // namespace

Speaker::Speaker(ph::Host host, const ph_open& how)
    : host_(host),
      has_app_(how.app != nullptr),
      options_(read_options(host.config(how.config))),
      random_(static_cast<unsigned>(std::hash<std::string_view>()(how.session) ^ host.now_ms())),
      identifier_(options_.router_id) {
  options_.holding.reset_after = std::max<Ms>(host_.setting(PH_SET_RESET_AFTER_MS), 0);
}

int Speaker::reload(const ph_config* config) {
  options_ = read_options(host_.config(config));
  next_hop_told_ = false;
  options_.holding.reset_after = std::max<Ms>(host_.setting(PH_SET_RESET_AFTER_MS), 0);
  if (app_) host_.buffer(app_->link, options_.app_backlog);
  act(tick(holding_, options_.holding, held(), now()));
  return PH_OK;
}

Connection* Speaker::find(ph_link link) {
  for (auto* c : {peer_.get(), rival_.get(), app_.get()}) {
    if (c != nullptr && c->link == link) return c;
  }
  return nullptr;
}

std::string Speaker::name_of(const Connection& c) const {
  return c.role == Connection::Role::app ? "the app" : "the peer";
}

// ---- links
// ------------------------------------------------------------------------------------------

void Speaker::on_up(ph_link link, const ph_link_info& info) {
  if (link != PH_PEER && link != PH_RIVAL) return app_up(link, info);
  if (link == PH_PEER && (info.flags & PH_LINK_PROMOTED) != 0 && rival_) return promote(info);
  auto& place = link == PH_PEER ? peer_ : rival_;
  place = std::make_unique<Connection>();
  place->link = link;
  place->role = link == PH_PEER ? Connection::Role::peer : Connection::Role::rival;
  peer_up(*place, info, (info.flags & PH_LINK_OUTGOING) != 0);
}

void Speaker::begin(Connection& c, bool passive, Ms first_hold) {
  input(c, passive ? Event::start_passive : Event::start_active);
  input(c, Event::tcp_up);
  if (c.hold_at != never && first_hold > 0) {
    c.hold_at = std::min(c.hold_at, now() + first_hold);
    arm(c);
  }
}

void Speaker::on_eof(ph_link link) {
  Connection* c = find(link);
  if (c == nullptr) {
    host_.close(link, false);
    return;
  }
  // RFC 4271 §8.2.2, TcpConnectionFails: a BGP connection has no half-closed life.
  const bool app = c->role == Connection::Role::app;
  const Reason reason{PH_PEER_CLOSED, PH_RETRY_NORMAL,
                      app ? "closed its connection" : "the peer closed the connection"};
  input(*c, Event::tcp_fails, reason);
  end(*c, reason);
}

void Speaker::on_writable(ph_link link) {
  if (Connection* c = find(link)) {
    if (c->keepalive_owed && !c->closing) send_keepalive(*c);
    pump();
  }
}

void Speaker::on_down(ph_link link, const ph_down& why) {
  ended_app_.reset();
  if (link == PH_PEER) return peer_down(why);
  if (link == PH_RIVAL) {
    rival_.reset();
    host_.timer(rival_timer, -1);
    return;
  }
  if (link == waiting_app_) {
    waiting_app_ = 0;
    host_.timer(app_wait_timer, -1);
  }
  if (app_ && app_->link == link) app_lost(std::string("lost its connection: ") + why.text);
}

void Speaker::end(Connection& c, const Reason& reason) {
  if (std::exchange(c.closing, true)) return;
  c.hold_at = c.keepalive_at = c.delay_open_at = c.stuck_at = never;
  if (c.role == Connection::Role::app) {
    host_.close(c.link, false);
    app_lost(reason.why);
  } else if (c.role == Connection::Role::rival || draining_) {
    host_.close(c.link, false);
  } else {
    host_.fail(reason.cause, reason.retry, reason.why.c_str());
  }
}

// ---- messages in
// ------------------------------------------------------------------------------------

void Speaker::Batch::clear() {
  out.clear();
  updates.clear();
  ends.clear();
}

std::ptrdiff_t Speaker::on_data(ph_link link, Bytes in) {
  Connection* c = find(link);
  const auto all = static_cast<std::ptrdiff_t>(in.size());
  if (c == nullptr) {
    if (link != waiting_app_) return all;
    // An OPEN is all that a program says before it has seen ours.
    if (in.size() <= max_message) return 0;
    app_refused_ = "it sent more than an OPEN before ours had come";
    waiting_app_ = 0;
    host_.timer(app_wait_timer, -1);
    host_.close(link, true);
    return all;
  }
  if (c->closing) return all;
  if (c->established_owed) return 0;  // read when it is PH_PEER
  // The link has ended, and the app's session is about to.
  if (c->role == Connection::Role::app && !(peer_ && peer_->speaks())) return all;
  return read(*c, in);
}

std::ptrdiff_t Speaker::read(Connection& c, Bytes in) {
  const bool app = c.role == Connection::Role::app;
  const auto pass = [&](Batch& batch) { return app ? pass_to_peer(batch) : pass_to_app(batch); };
  std::size_t used = 0;
  Batch batch;
  c.last_input = now();
  const auto held_back = [&] {
    c.held_back = true;
    return static_cast<std::ptrdiff_t>(batch.used);
  };
  c.held_back = false;
  while (!c.closing && !c.established_owed) {
    const auto next = first_message(in.subspan(used), c.limit());
    if (std::holds_alternative<NeedMore>(next)) break;
    if (const auto* wrong = std::get_if<Notification>(&next)) {
      if (!pass(batch)) return held_back();
      broke(c, Event::header_error, *wrong);
      return static_cast<std::ptrdiff_t>(in.size());
    }
    const auto& message = std::get<Message>(next);
    // Order is kept: what is not an UPDATE waits until those before it have gone.
    const bool last_of_batch = message.type != Type::update || batch.out.size() >= most_in_batch;
    if (last_of_batch && !pass(batch)) return held_back();
    if (batch.empty()) batch.used = used;
    ++c.in[static_cast<std::size_t>(message.type)];
    switch (take(c, message, batch)) {
      case Took::yes:
        used += message.whole.size();
        break;
      case Took::later:
        --c.in[static_cast<std::size_t>(message.type)];
        return held_back();
      case Took::over:
        return static_cast<std::ptrdiff_t>(in.size());
    }
  }
  if (!pass(batch)) return held_back();
  return static_cast<std::ptrdiff_t>(used);
}

Speaker::Took Speaker::take(Connection& c, const Message& message, Batch& batch) {
  const bool app = c.role == Connection::Role::app;
  switch (message.type) {
    case Type::open:
      return take_open(c, message);
    case Type::notification:
      return take_notification(c, message);
    case Type::keepalive:
      input(c, Event::keepalive_received);
      return c.closing ? Took::over : Took::yes;
    case Type::update:
    case Type::route_refresh: {
      const Event event =
          message.type == Type::update ? Event::update_received : Event::refresh_received;
      const Actions actions = step(c.fsm, {}, {event, {}, 0});
      perform(c, actions);
      if (c.closing) return Took::over;
      if (!actions.pass_update) return Took::yes;
      if (message.type == Type::route_refresh)
        return app ? app_refresh(c, message) : peer_refresh(c, message);
      return app ? app_update(c, message, batch) : peer_update(c, message, batch);
    }
  }
  return Took::yes;
}

Speaker::Took Speaker::take_open(Connection& c, const Message& message) {
  const auto parsed = parse_open(message.body());
  if (const auto* wrong = std::get_if<Notification>(&parsed)) {
    broke(c, Event::open_error, *wrong);
    return Took::over;
  }
  // A second OPEN is the state machine's to refuse.
  if (c.theirs) {
    input(c, Event::open_received);
    return c.closing ? Took::over : Took::yes;
  }
  const Open& open = std::get<Open>(parsed);
  return c.role == Connection::Role::app ? app_open(c, open) : peer_open(c, open);
}

Speaker::Took Speaker::take_notification(Connection& c, const Message& message) {
  const auto parsed = parse_notification(message.body());
  const auto* what = std::get_if<Notification>(&parsed);
  const Notification said = what != nullptr ? *what : Notification{};
  const bool app = c.role == Connection::Role::app;
  const std::string what_it_says = "sent " + describe(said);
  host_.metric(notifications_in, 1);
  if (app) {
    from_app_ = std::make_unique<Told>(Told{said, now()});
    input(c, Event::notification_received, {PH_NOTIFICATION, PH_RETRY_NORMAL, what_it_says});
    app_notification(said);
    return Took::over;
  }
  received_ = std::make_unique<Told>(Told{said, now()});
  host_.event("the peer " + what_it_says);
  const ph_retry retry = retry_cannot_cure(said) ? PH_RETRY_SLOW : PH_RETRY_NORMAL;
  input(c, Event::notification_received, {PH_NOTIFICATION, retry, "the peer " + what_it_says});
  // As received: the app learns what the peer had to say, and hears nothing after it.
  if (app_ && c.role == Connection::Role::peer) {
    send_last(*app_, message.whole);
    end(*app_, {PH_ADMIN, PH_RETRY_NORMAL, "was closed, since the peer " + what_it_says});
  }
  return Took::over;
}

void Speaker::broke(Connection& c, Event event, Notification wrong) {
  Reason reason{event == Event::open_error ? PH_NOTIFICATION : PH_FRAMING,
                retry_cannot_cure(wrong) ? PH_RETRY_SLOW : PH_RETRY_NORMAL,
                {}};
  if (c.role == Connection::Role::app) {
    reason.why = "was sent " + describe(wrong);
    app_refused_ = reason.why;
  } else {
    reason.why = "we sent the peer " + describe(wrong);
  }
  input(c, event, std::move(reason), std::move(wrong));
}

// ---- the state machine
// ------------------------------------------------------------------------------

void Speaker::input(Connection& c, Event event, Notification notification,
                    std::uint16_t hold_time_s) {
  Settings settings;
  settings.delay_open = c.role != Connection::Role::app && options_.delay_open.has_value();
  perform(c, step(c.fsm, settings, {event, std::move(notification), hold_time_s}));
}

void Speaker::input(Connection& c, Event event, Reason reason, Notification notification) {
  perform(c, step(c.fsm, {}, {event, std::move(notification), 0}), &reason);
}

void Speaker::perform(Connection& c, const Actions& a, const Reason* reason) {
  const Ms at = now();
  if (a.send_open) send(c, encode(c.ours), Type::open);
  if (a.send_keepalive) send_keepalive(c);
  if (a.send_notification) {
    (c.role == Connection::Role::app ? to_app_told_ : sent_) =
        std::make_unique<Told>(Told{a.notification, at});
    host_.metric(notifications_out, 1);
    host_.event("sent " + name_of(c) + " " + describe(a.notification));
    send_last(c, encode(a.notification));
  }
  if (a.hold == TimerChange::start) c.hold_at = at + Ms{a.hold_s} * 1000;
  if (a.hold == TimerChange::stop) c.hold_at = never;
  if (a.keepalive == TimerChange::start) {
    // RFC 4271 §10: a third of the hold time, times 0.75…1.0.
    const double jitter = std::uniform_real_distribution<double>(0.75, 1.0)(random_);
    c.keepalive_at = at + static_cast<Ms>(c.fsm.hold_time_s * 1000.0 / 3 * jitter);
  }
  if (a.keepalive == TimerChange::stop) c.keepalive_at = never;
  if (a.delay_open == TimerChange::start) c.delay_open_at = at + options_.delay_open.value_or(0);
  if (a.delay_open == TimerChange::stop) c.delay_open_at = never;
  if (a.send_hold == TimerChange::start) watch_progress(c, patience(c));
  if (a.send_hold == TimerChange::stop) c.stuck_at = never;
  if (a.established) {
    c.established_at = at;
    if (c.role == Connection::Role::app) {
      app_established();
    } else if (c.role == Connection::Role::rival) {
      // RFC 4271 §6.8: the other one, whose OPEN has not come, loses to it.
      c.established_owed = true;
      host_.read_pause(PH_RIVAL, true);
      if (peer_ && !peer_->closing) dump(*peer_);
    } else {
      peer_established();
    }
  }
  if (a.drop && reason != nullptr) {
    end(c, *reason);
  } else if (a.drop) {
    const bool app = c.role == Connection::Role::app;
    end(c, {PH_FRAMING, PH_RETRY_NORMAL,
            (app ? "was sent " : "we sent the peer ") + describe(a.notification)});
  }
  if (!c.closing) arm(c);
}

// ---- messages out
// -----------------------------------------------------------------------------------

// All of it or nothing: a message is never cut in two by another.
bool Speaker::send(Connection& c, Bytes message, Type type) {
  if (c.closing || host_.send_whole(c.link, message) <= 0) return false;
  c.accepted += message.size();
  ++c.out[static_cast<std::size_t>(type)];
  return true;
}

// A NOTIFICATION finds room behind a backlog that is full.
void Speaker::send_last(Connection& c, Bytes message) {
  if (c.closing || send(c, message, Type::notification)) return;
  host_.buffer(c.link, host_.info(c.link).unsent + message.size());
  send(c, message, Type::notification);
}

void Speaker::send_keepalive(Connection& c) {
  static const Buffer message = keepalive();
  c.keepalive_owed = !send(c, message, Type::keepalive);
}

// ---- deadlines
// --------------------------------------------------------------------------------------

// How long a far end may take nothing of what waits for it.
Ms Speaker::patience(const Connection& c) const {
  const Ms hold = Ms{c.fsm.hold_time_s} * 1000;
  // An app may not close the router's window: it gets its routes again when it returns.
  if (c.role == Connection::Role::app) return hold > 0 ? std::min<Ms>(hold / 3, 10000) : 10000;
  return Ms{send_hold_s(c.fsm.hold_time_s)} * 1000;
}

void Speaker::watch_progress(Connection& c, Ms limit) {
  if (limit <= 0) return;
  c.stuck_at = now() + std::max<Ms>(limit / 4, 250);
}

bool Speaker::stuck(Connection& c, Ms limit) {
  const std::uint64_t unsent = host_.info(c.link).unsent;
  const std::uint64_t acknowledged = c.accepted - std::min(c.accepted, unsent);
  if (unsent == 0 || acknowledged != c.acknowledged || c.progress_at == 0) {
    c.acknowledged = acknowledged;
    c.progress_at = now();
    return false;
  }
  return now() - c.progress_at >= limit;
}

void Speaker::arm(Connection& c) {
  const Ms earliest = c.earliest();
  if (earliest == never || c.armed_at <= earliest) return;  // it is looked at when that fires
  c.armed_at = earliest;
  const TimerId id = c.role == Connection::Role::app     ? app_timer
                     : c.role == Connection::Role::rival ? rival_timer
                                                         : peer_timer;
  host_.timer(id, std::max<Ms>(earliest - now(), 0));
}

void Speaker::due(Connection& c) {
  c.armed_at = never;
  const Ms at = now();
  if (c.delay_open_at <= at) {
    c.delay_open_at = never;
    input(c, Event::delay_open_expires);
  }
  if (c.hold_at <= at && !c.closing) {
    c.hold_at = never;
    if (c.held_back && c.role == Connection::Role::app) {
      // What it has said waits for room at the peer.
      c.hold_at = at + Ms{c.fsm.hold_time_s} * 1000;
      return arm(c);
    }
    const std::string subject = c.role == Connection::Role::app ? "" : "the peer ";
    input(c, Event::hold_expires,
          {PH_HOLD_EXPIRED, PH_RETRY_NORMAL,
           subject + (c.theirs ? "was silent for the hold time of " +
                                     std::to_string(c.fsm.hold_time_s) + "s"
                               : "sent no OPEN in time")});
    return;
  }
  if (c.keepalive_at <= at && !c.closing) {
    c.keepalive_at = never;
    input(c, Event::keepalive_expires);
  }
  if (c.stuck_at <= at && !c.closing) {
    const Ms limit = patience(c);
    watch_progress(c, limit);
    if (stuck(c, limit)) {
      if (c.role == Connection::Role::app) {
        dismiss_app({code::cease, cease::out_of_resources, {}},
                    "took nothing of what waited for it for " + std::to_string(limit / 1000) + "s");
        return;
      }
      // RFC 9687 §3: a NOTIFICATION is tried, and will hardly arrive.
      input(c, Event::send_hold_expires,
            {PH_HOLD_EXPIRED, PH_RETRY_NORMAL,
             "the peer has taken nothing for " + std::to_string(limit / 1000) +
                 "s (send hold timer, RFC 9687)"});
      return;
    }
  }
  if (!c.closing) arm(c);
}

void Speaker::on_timer(std::uint32_t id) {
  switch (id) {
    case peer_timer:
      if (peer_ && !peer_->closing) due(*peer_);
      break;
    case rival_timer:
      if (rival_ && !rival_->closing) due(*rival_);
      break;
    case app_timer:
      if (app_ && !app_->closing) due(*app_);
      break;
    case holding_timer:
      act(tick(holding_, options_.holding, held(), now()));
      break;
    case pump_timer:
      pump();
      break;
    case app_wait_timer:
      if (waiting_app_ != 0) {
        app_refused_ = "there was no link to the peer for 30s";
        host_.close(std::exchange(waiting_app_, 0), false);
      }
      break;
    case refresh_timer: {
      const std::set<Family> waiting = refreshing_;
      const Ms limit = quiet_limit(), quiet = unasked_.empty() ? now() - last_update_ : 0;
      if (quiet < limit) {
        host_.timer(refresh_timer, limit - quiet);
        break;
      }
      asked_.clear();
      for (const Family family : waiting) table_complete(family);
      break;
    }
    case eor_timer:
      end_of_rib_waits_ = false;
      send_end_of_ribs();
      break;
    default:
      break;
  }
}

void Speaker::arm_holding() {
  const auto next = next_due(holding_, options_.holding, held());
  host_.timer(holding_timer, next ? std::max<Ms>(*next - now(), 0) : -1);
}

}  // namespace bgp
