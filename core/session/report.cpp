// Session, the part that is seen: status, events, log lines.
#include <algorithm>
#include <cstring>

#include "session/session.hpp"

namespace peerhold {

std::string_view to_string(SessionState state) {
  switch (state) {
    case SessionState::down:
      return "down";
    case SessionState::connecting:
      return "connecting";
    case SessionState::listening:
      return "listening";
    case SessionState::opening:
      return "opening";
    case SessionState::established:
      return "established";
    case SessionState::backoff:
      return "backoff";
    case SessionState::failed:
      return "failed";
  }
  return "?";
}

std::string_view to_string(Health health) {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::degraded:
      return "degraded";
    case Health::down:
      return "down";
  }
  return "?";
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::state:
      return "state";
    case EventKind::key:
      return "key";
    case EventKind::app:
      return "app";
    case EventKind::error:
      return "error";
    case EventKind::reload:
      return "reload";
    case EventKind::plugin:
      return "plugin";
    case EventKind::operator_:
      return "operator";
    case EventKind::keeper:
      return "keeper";
  }
  return "?";
}

namespace {

constexpr std::size_t failures_kept = 8;
constexpr std::ptrdiff_t labels_kept = 64;  // of a plugin's metric

}  // namespace

// ---- lines and events
// ------------------------------------------------------------------------------

void Session::line(Level at, std::string_view event, std::string_view text, std::string_view cause,
                   std::string_view lead, Log::Field more, Log::Field and_more) const {
  const Level own = config_.log_level.value_or(around_.log.level());
  if (!around_.log.enabled(at, own)) return;
  around_.log.line(at, event,
                   {{"session", name()},
                    {"peer", peer_text()},
                    {"cause", std::string(cause)},
                    std::move(more),
                    std::move(and_more)},
                   text, lead);
}

void Session::emit(EventKind kind, std::string from, std::string to, std::string cause,
                   std::string text) {
  around_.emit({std::chrono::system_clock::now(), name(), kind, std::move(from), std::move(to),
                std::move(cause), std::move(text)});
}

void Session::note_change(SessionState before) {
  const SessionState now = peer_side_.state;
  if (before == now) return;
  since_ = std::chrono::system_clock::now();
  since_steady_ = around_.loop.now();
  const bool ended = now == SessionState::backoff || now == SessionState::failed ||
                     now == SessionState::down ||
                     (before == SessionState::established &&
                      (now == SessionState::listening || now == SessionState::opening));
  const bool told = ended && !change_text_.empty();
  const std::string cause = told ? std::string(to_string(change_cause_)) : std::string();
  const std::string text = told ? std::exchange(change_text_, {}) : std::string();
  // The same failure again and again is told at attempts 1, 2, 4, 8 … and once an hour.
  const std::uint64_t same = failures_ ? failures_->same.count : 0;
  const bool attempt = now == SessionState::connecting || now == SessionState::opening ||
                       (now == SessionState::backoff && before != SessionState::established);
  bool quiet = attempt && same > 1;
  if (quiet && now == SessionState::backoff) quiet = !say_again();
  const std::string lead = std::string(to_string(before)) + " -> " + std::string(to_string(now));
  const bool waits = now == SessionState::backoff && deadlines_.is_set(peer_retry);
  line(quiet ? Level::debug : Level::info, "session-state", text, cause, lead,
       {"retry_in", waits ? format_delay(retry_delay_) : std::string()},
       {"attempt", told && same > 0 ? std::to_string(same) : std::string()});
  emit(EventKind::state, std::string(to_string(before)), std::string(to_string(now)), cause, text);
}

bool Session::say_again() {
  return failures_->same.tell(around_.loop.now());
}

void Session::remember(Failure failure) {
  if (!failures_) failures_ = std::make_unique<Failures>();
  failures_->recent.insert(failures_->recent.begin(), std::move(failure));
  if (failures_->recent.size() > failures_kept) failures_->recent.pop_back();
}

void Session::note_failure(Cause cause, const std::string& text, bool establishment,
                           bool own_line) {
  const Failure failure{cause, text, std::chrono::system_clock::now()};
  remember(failure);
  const bool again = failures_->last_error && failures_->last_error->cause == cause;
  failures_->same.count = again ? failures_->same.count + 1 : 1;
  failures_->of_dial = false;
  failures_->last_error = failure;
  if (establishment) failures_->last_down = failure;
  change_cause_ = cause;
  change_text_ = text;
  if (own_line) {
    line(say_again() ? Level::warn : Level::debug, "error", text, to_string(cause), {},
         {"attempt", std::to_string(failures_->same.count)});
  }
  emit(EventKind::error, {}, {}, std::string(to_string(cause)), text);
}

void Session::note_down(Cause cause, const std::string& text) {
  const Failure failure{cause, text, std::chrono::system_clock::now()};
  remember(failure);
  failures_->last_down = failure;
  change_cause_ = cause;
  change_text_ = text;
}

void Session::note_if_failed(const Result<void>& result) {
  if (!result) note_failure(result.error().cause, result.error().text, false);
}

void Session::note_key(std::uint32_t from, std::uint32_t to, std::string_view cause,
                       const std::string& text, bool warn) {
  const std::string was = std::to_string(from), is = std::to_string(to);
  line(warn ? Level::warn : Level::info, "key", text, cause, from == to ? "" : was + " -> " + is);
  emit(EventKind::key, was, is, std::string(cause), text);
}

void Session::note_key_confirmed(const std::string& text) {
  line(Level::debug, "key", text);
}

void Session::note_app(const char* what, const std::string& text) {
  // One line per app change of a persistent session; clients come and go by the thousand.
  line(per_client() ? Level::debug : Level::info, "app", text, {}, std::string("app ") + what,
       {"attached", std::to_string(app_side_.attached)});
  emit(EventKind::app, {}, what, {}, text);
}

void Session::plugin_broke(const std::string& fault) {
  retry_class_ = RetryClass::slow;
  line(Level::error, "plugin-fault", fault);
  emit(EventKind::plugin, {}, "fault", "internal", fault);
}

void Session::plugin_log(Level at, const char* text) const {
  line(at, "plugin-log", text);
}

void Session::plugin_log_repeated(Level at, std::uint32_t kind, const char* text) {
  if (kind >= 16) return plugin_log(at, text);
  Repeated& same = plugin_repeats_[kind];
  ++same.count;
  line(same.tell(around_.loop.now()) ? at : std::max(at, Level::debug), "plugin-log", text, {}, {},
       {"count", std::to_string(same.count)});
}

void Session::metric(std::uint32_t index, const char* label, std::int64_t value) {
  if (index >= library_.plugin().n_metrics) return;
  const ph_metric& what = library_.plugin().metrics[index];
  std::string name = what.label != nullptr && label != nullptr ? label : "";
  const auto mine = [&](const auto& m) { return m.first.first == index; };
  if (!metrics_.contains({index, name}) && std::ranges::count_if(metrics_, mine) >= labels_kept)
    name = "other";
  std::int64_t& kept = metrics_[{index, std::move(name)}];
  kept = what.gauge != 0 ? value : kept + value;
}

void Session::plugin_event(const char* text) {
  emit(EventKind::plugin, {}, {}, {}, escape_control(text));
}

std::string Session::latest_text() const {
  return failures_ && failures_->last_error ? failures_->last_error->text : "no reason was given";
}

std::string Session::peer_text() const {
  if (config_.peer_prefix) return config_.peer_prefix->to_string();
  return config_.peer.port != 0 ? config_.peer.to_string() : config_.peer.address.to_string();
}

// ---- status
// ----------------------------------------------------------------------------------------

SessionStatus Session::status() const {
  SessionStatus out;
  out.name = name();
  out.plugin = config_.plugin;
  out.mode = to_string(config_.mode);
  out.peer = peer_text();
  if (config_.source.is_set()) {
    out.source =
        config_.source.port != 0 ? config_.source.to_string() : config_.source.address.to_string();
  }
  out.description = config_.description;
  out.labels = config_.labels;
  out.state = state();
  out.since = since_;
  const SteadyTime now = around_.loop.now();
  if (state() == SessionState::established) {
    out.uptime = std::chrono::duration_cast<Milliseconds>(now - since_steady_);
  }
  if (keys_.chain() != nullptr) {
    out.key = SessionStatus::KeyUse{};
    out.key->chain = config_.keychain;
    out.key->id = keys_.choice().id;
    out.key->cause = to_string(keys_.choice().cause);
    out.key->confirmed = !keys_.choice().moving;
    for (const KeyUse& use : keys_.uses()) out.key_work.push_back({use.id, use.sent, use.received});
  }
  out.links = peer_side_.links;
  if (config_.app) out.app_endpoint = config_.app->to_string();
  out.apps_attached = app_side_.attached;
  if (!per_client() && !dynamic() && config_.app && app_side_.attached == 0 && app_side_.up) {
    out.app_absent =
        std::chrono::duration_cast<Milliseconds>(now - app_gone_since_.value_or(since_steady_));
  }
  out.attempts = attempts_;
  out.established_count = established_count_;
  if (state() == SessionState::backoff && deadlines_.is_set(peer_retry)) {
    out.retry_in = deadlines_.left(peer_retry);
  } else if (state() == SessionState::backoff && deadlines_.is_set(app_retry)) {
    out.retry_in = deadlines_.left(app_retry);
  }
  if (failures_) {
    out.last_error = failures_->last_error;
    out.last_down = failures_->last_down;
    out.recent_errors.assign(failures_->recent.begin(), failures_->recent.end());
  }
  out.peer_to_app = from_peer_;
  out.app_to_peer = to_peer_;
  for (const auto& one : conversations_) {
    const Conversation::Bytes bytes = one->bytes();
    out.peer_to_app += bytes.from_peer;
    out.app_to_peer += bytes.to_peer;
  }
  out.plugin_status = conversations_.empty() ? "{}" : conversations_.front()->plugin_status();
  for (const auto& [which, value] : metrics_) {
    const ph_metric& what = library_.plugin().metrics[which.first];
    out.plugin_metrics.push_back({what.name, what.label != nullptr ? which.second : "", value});
  }
  if (!per_client() && !conversations_.empty() && conversations_.front()->has_peer()) {
    out.source = conversations_.front()->peer_link()->local().to_string();
  }
  Instance::Report report;
  if (!conversations_.empty()) report = conversations_.front()->report().value_or(report);
  if (report.hold_left_ms >= 0) out.hold_left = Milliseconds(report.hold_left_ms);
  judge(out, report);
  return out;
}

// `health`: does the session do what it is there for?
void Session::judge(SessionStatus& out, const Instance::Report& report) const {
  const bool waits_for_clients =
      (per_client() || dynamic()) && out.state == SessionState::listening;
  if (out.state != SessionState::established && !waits_for_clients) {
    out.health = Health::down;
    if (out.state == SessionState::down) {
      out.health_text = config_.enabled ? "administratively down" : "enabled = false";
    } else if (peer_side_.app_shut && !app_trouble_.empty()) {
      out.health_text = app_trouble_;
    } else if (out.last_error) {
      out.health_text = out.last_error->text;
    } else if (out.state == SessionState::listening) {
      out.health_text = "waits for the peer";
    }
    return;
  }
  out.health = Health::ok;
  if (const std::string trouble = keys_.trouble(std::chrono::system_clock::now());
      !trouble.empty()) {
    out.health = Health::degraded;
    out.health_text = trouble;
  } else if (out.app_absent) {
    out.health = Health::degraded;
    out.health_text = app_is_absent;
    if (report.held > 0) {
      out.health_text +=
          ", " + std::to_string(report.held) + (report.held == 1 ? " route" : " routes");
    }
    if (!report.text.empty()) out.health_text += ": " + report.text;
  } else if (per_client() && app_side_.configured && !app_trouble_.empty()) {
    // Links may be up, or come: what has no app serves nobody.
    out.health = Health::degraded;
    out.health_text = app_trouble_;
  } else if (report.degraded) {
    out.health = Health::degraded;
    out.health_text = report.text;
  }
}

bool Session::has_link_with(const Address& peer, const std::optional<Address>& source) const {
  return std::ranges::any_of(conversations_, [&](const auto& one) {
    if (!one->has_peer()) return false;
    const Link& link = *one->peer_link();
    return link.remote().address == peer && (!source || link.local().address == *source);
  });
}

void Session::describe(const Link& link, bool outgoing, ph_link_info& out) const {
  out.remote = to_abi(link.remote());
  out.local = to_abi(link.local());
  out.flags = outgoing ? std::uint32_t{PH_LINK_OUTGOING} : 0;
  out.bytes_in = link.bytes_in();
  out.bytes_out = link.bytes_out();
  out.unsent = link.unsent();
  out.idle_ms = static_cast<std::uint64_t>(link.idle().count());
}

}  // namespace peerhold
