-- A neutralized database is a copy: it opens no line until an administrator says otherwise.
INSERT INTO ir_config_parameter (key, value, create_uid, create_date, write_uid, write_date)
     VALUES ('meter_gateway.instance_id', 'copy', 1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC')
ON CONFLICT (key) DO UPDATE SET value = 'copy';

-- Nothing that was on its way may fire from here.
UPDATE utility_command
   SET hold_reason = 'This database is a neutralized copy.'
 WHERE state = 'queued'
   AND hold_reason IS NULL;

UPDATE meter_port
   SET endpoint = NULL;

UPDATE meter_worker
   SET active = false;

-- Whoever lets this copy open lines must also let its sites go on, one by one.
UPDATE utility_site
   SET stopped = true,
       stop_reason = 'This database is a neutralized copy.',
       stopped_at = now() AT TIME ZONE 'UTC'
 WHERE stopped IS NOT true;
