#include "ctl/pull.h"

#include <thread>

#include "base/clock.h"
#include "base/sys/socket.h"
#include "ctl/progress.h"

namespace cradle::ctl {

Result<std::string> PullImage(Client& client, const std::string& image,
                              const std::string& credentials, FdRef signals) {
  v1::PullImageRequest request;
  request.set_image(image);
  size_t colon = credentials.find(':');
  request.set_username(credentials.substr(0, colon));
  if (colon != credentials.npos) request.set_password(credentials.substr(colon + 1));
  grpc::ClientContext context;
  auto reader = client.stub<DebugStub>().PullImage(&context, request);
  std::jthread watch([&](std::stop_token stop) {
    if (!signals.valid()) return;
    while (!stop.stop_requested()) {
      auto came = sys::PollReadable(signals, After(milliseconds(100)));
      if (!came.ok() || *came) return context.TryCancel();
    }
  });
  ProgressLines lines = ProgressLines::OnStandardError();
  std::string id;
  v1::PullImageProgress news;
  while (reader->Read(&news)) {
    if (!news.image_ref().empty()) id = news.image_ref();
    if (!news.warning().empty()) lines.Warn(news.warning());
    if (!news.layer().empty()) lines.Tell({news.layer(), news.phase(), news.done(), news.total()});
  }
  grpc::Status status = reader->Finish();
  if (!status.ok()) return ErrorFrom(status);
  return id;
}

}  // namespace cradle::ctl
