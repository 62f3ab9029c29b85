"""Contract suites for whoever implements a port, and fakes; no test framework is needed.

In the spirit of ``trio.testing.check_two_way_stream``: give a suite something that makes your
implementation, and it raises AssertionError at the first guarantee of the port that does not hold.

* ``channels``: ``check_channel`` for ``ports.channel.Channel``.
* ``transports``: ``check_producer_transport`` and ``check_channels_of`` for
  ``ports.transport.ProducerTransport`` together with what serves it.
* ``store_and_forward``: ``check_store_and_forward`` for a transport that stores what is reported
  and forwards it later.
* ``logs``: ``check_log`` for ``ports.log.Log``.
* ``notification_stores``: ``check_notification_store`` for
  ``ports.notification_store.NotificationStore``.
* ``checkpoints``: ``check_checkpoints`` for ``ports.checkpoints.Checkpoints``.
* ``services``: ``ScriptedService``, a ``ports.transport.StreamingService`` in the hands of a test;
  ``recording``: ``RecordingService``, the same attending to its channels by itself.
"""
