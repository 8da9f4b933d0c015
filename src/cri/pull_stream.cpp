#include "cri/pull_stream.h"

#include <algorithm>

#include "base/log.h"
#include "cri/check.h"
#include "cri/pull.h"
#include "cri/status.h"

namespace cradle::cri {

PullStream* PullStream::Begin(Backend& backend, const v1::PullImageRequest& request) {
  auto stream = std::make_shared<PullStream>();
  stream->self_ = stream;
  image::Auth auth;
  auth.username = request.username();
  auth.password = request.password();
  if (request.image().empty()) {
    stream->End(Bad("image", "", "must not be empty"));
    return stream.get();
  }
  backend.runtime.pool().Post([&images = backend.images, stream, auth, name = request.image()] {
    auto tell = [&](const image::Progress& progress) { stream->Tell(progress); };
    auto image = Pull(images, name, auth, stream->stop_.get_token(), tell);
    if (!image.ok()) log::Warning(Cat("PullImage ", Quoted(name), ": ", image.error().text()));
    stream->End(image);
  });
  return stream.get();
}

void PullStream::Tell(const image::Progress& progress) {
  std::lock_guard lock(mutex_);
  if (!progress.warning.empty()) {
    waiting_.emplace_back().set_warning(progress.warning);
    return Step();
  }
  auto place = std::find_if(waiting_.begin(), waiting_.end(),
                            [&](const auto& other) { return other.layer() == progress.layer; });
  v1::PullImageProgress& message = place == waiting_.end() ? waiting_.emplace_back() : *place;
  message.set_layer(progress.layer);
  message.set_phase(progress.phase);
  message.set_done(progress.done);
  message.set_total(progress.total);
  Step();
}

void PullStream::End(const Result<std::shared_ptr<const image::Image>>& image) {
  std::lock_guard lock(mutex_);
  if (image.ok()) waiting_.emplace_back().set_image_ref((*image)->id);
  end_ = image.ok() ? grpc::Status::OK : ToStatus(image.error());
  Step();
}

void PullStream::Step() {
  if (busy_ || finished_) return;
  if (!waiting_.empty()) {
    busy_ = true;
    writing_ = std::move(waiting_.front());
    waiting_.pop_front();
    StartWrite(&writing_);
  } else if (end_) {
    finished_ = true;
    Finish(*end_);
  }
}

void PullStream::OnWriteDone(bool ok) {
  std::lock_guard lock(mutex_);
  busy_ = false;
  if (!ok) {
    stop_.request_stop();
    waiting_.clear();
  }
  Step();
}

}  // namespace cradle::cri
