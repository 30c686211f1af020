#Requires -Version 5.1
# Brings this guest to what plan.json says. Each step is tested, acted on where the test fails, and tested again;
# a run after a restart tests every step anew, so that nothing is believed because it was done once.
# Exit codes: 0 done, 3010 restart and run again, 2 a person is needed, 1 failed.
[CmdletBinding()]
param(
    [string]$PlanFile = '',
    [string]$Payload = '',
    [string]$Run = '',
    [switch]$Json,
    [switch]$TestOnly
)
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Here = Split-Path -Parent $MyInvocation.MyCommand.Path
if ($PlanFile -eq '') { $PlanFile = Join-Path $Here 'plan.json' }
$StateFolder = Join-Path $env:ProgramData 'Optimux'
$StateFile = Join-Path $StateFolder 'state.json'
$ReportFile = Join-Path $StateFolder 'report.json'
$HostService = 'Looking Glass (host)'
$HostLog = Join-Path $env:ProgramData 'Looking Glass (host)\looking-glass-host.txt'
$RollbackTask = 'Optimux emulated display back'
$Rows = New-Object System.Collections.ArrayList

# ---------------------------------------------------------------------------------------------------- outcomes

function New-Outcome([string]$Kind, [string]$Found, [string]$Next) {
    New-Object PSObject -Property @{ kind = $Kind; found = $Found; next = $Next }
}
function Holds([string]$Found) { New-Outcome 'holds' $Found '' }
function Lacks([string]$Found, [string]$Next) { New-Outcome 'lacks' $Found $Next }
function Needs-Person([string]$Found, [string]$Next) { New-Outcome 'person' $Found $Next }
function Wants-Restart([string]$Found) { New-Outcome 'restart' $Found 'Restart Windows and run the setup again.' }

# ------------------------------------------------------------------------------------------------------- state

function Get-BootTime {
    (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('o')
}

function Read-State([string]$Digest) {
    $fresh = @{ plan = $Digest; boot = ''; acted = @{} }
    if (-not (Test-Path -LiteralPath $StateFile)) { return $fresh }
    try { $kept = [IO.File]::ReadAllText($StateFile) | ConvertFrom-Json } catch { return $fresh }
    # The state of another plan says nothing of this one.
    if ($kept.plan -ne $Digest) { return $fresh }
    $fresh.boot = [string]$kept.boot
    foreach ($property in $kept.acted.PSObject.Properties) { $fresh.acted[$property.Name] = [string]$property.Value }
    return $fresh
}

# Whoever reads the file lets nobody replace it meanwhile: the agent opens it for the host, again and again.
function Write-Whole([string]$Path, [string]$Text) {
    $temporary = $Path + '.new'
    [IO.File]::WriteAllText($temporary, $Text, (New-Object Text.UTF8Encoding($false)))
    foreach ($try in 1..50) {
        try {
            if (Test-Path -LiteralPath $Path) { [IO.File]::Replace($temporary, $Path, [NullString]::Value) }
            else { [IO.File]::Move($temporary, $Path) }
            return
        } catch { if ($try -eq 50) { throw } }
        Start-Sleep -Milliseconds 100
    }
}

function Save-State($State) { Write-Whole $StateFile (ConvertTo-Json -InputObject $State -Depth 4 -Compress) }

# ------------------------------------------------------------------------------------------------ what is there

function Get-Sha256([string]$Path) { (Get-FileHash -LiteralPath $Path -Algorithm SHA256).Hash.ToLowerInvariant() }

# One device comes out of a function alone, and 5.1 counts nothing that is alone: callers take @(...).
function Get-Devices([string]$Prefix) {
    Get-PnpDevice -PresentOnly | Where-Object { $_.InstanceId -like ($Prefix + '*') }
}

# Device Manager's number of a device: 0 works, 28 has no driver.
function Get-ProblemCode($Device) {
    $data = Get-PnpDeviceProperty -InstanceId $Device.InstanceId -KeyName 'DEVPKEY_Device_ProblemCode'
    if ($null -eq $data.Data) { return 0 }
    return [int]$data.Data
}

function Find-Volume([string]$Label) {
    foreach ($volume in @(Get-CimInstance -ClassName Win32_Volume)) {
        if ($volume.Label -like $Label -and $volume.DriveLetter) { return ($volume.DriveLetter + '\') }
    }
    return ''
}

# A file that the plan names, with the checksum that it must have: in the payload, on the medium, or downloaded.
function Get-Verified([string]$Name) {
    if ($null -eq $Plan.files.PSObject.Properties[$Name]) { return '' }
    $entry = $Plan.files.$Name
    foreach ($folder in @($Payload, (Join-Path $Here 'payload'), (Join-Path $StateFolder 'payload'))) {
        if ($folder -eq '') { continue }
        $candidate = Join-Path $folder $Name
        if ((Test-Path -LiteralPath $candidate) -and (Get-Sha256 $candidate) -eq $entry.sha256) { return $candidate }
    }
    if (-not $entry.url) { return '' }
    $folder = Join-Path $StateFolder 'payload'
    $target = Join-Path $folder $Name
    New-Item -ItemType Directory -Force -Path $folder | Out-Null
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    try { Invoke-WebRequest -UseBasicParsing -Uri $entry.url -OutFile ($target + '.new') -TimeoutSec 600 }
    catch { return '' }
    if ((Get-Sha256 ($target + '.new')) -ne $entry.sha256) {
        Remove-Item -LiteralPath ($target + '.new')
        throw "$Name from $($entry.url) has another checksum than the plan says; it was not run"
    }
    Move-Item -Force -LiteralPath ($target + '.new') -Destination $target
    return $target
}

# A checksum is somebody's word for a file: without one no file of that name is run, wherever it lies.
function Missing-File([string]$Name) {
    if ($null -eq $Plan.files.PSObject.Properties[$Name]) {
        return (Needs-Person "this CD's plan names no $Name" `
            "On the host, put $Name into a folder, and make the CD anew: optimux guest media CONFIG --payload FOLDER -o FILE.")
    }
    Needs-Person "$Name is neither on the medium nor to be downloaded" `
        "Put $Name into ProgramData\Optimux\payload; its checksum must be the one that plan.json names."
}

# Starts a program and waits; a program that does not end within the limit is ended.
function Invoke-Program([string]$File, [string[]]$Arguments, [int]$Seconds = 900) {
    $process = Start-Process -FilePath $File -ArgumentList $Arguments -PassThru -WindowStyle Hidden
    $null = $process.Handle
    if (-not $process.WaitForExit($Seconds * 1000)) {
        $process.Kill()
        throw "$File did not end within $Seconds seconds"
    }
    return $process.ExitCode
}

function Confirm-Exit([string]$What, [int]$Code) {
    if ($Code -eq 3010 -or $Code -eq 1641) { return (Wants-Restart "$What asks for a restart") }
    if ($Code -ne 0) { throw "$What ended with $Code" }
    return (Holds $What)
}

# ------------------------------------------------------------------------------------------------------- steps

function Test-Windows {
    $identity = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        return (Needs-Person 'not elevated' 'Start setup.cmd as an administrator.')
    }
    if (-not [Environment]::Is64BitProcess) { return (Needs-Person 'a 32-bit process' 'Use 64-bit Windows PowerShell.') }
    $build = [int](Get-CimInstance -ClassName Win32_OperatingSystem).BuildNumber
    if ($build -lt 19045) { return (Needs-Person "Windows build $build" 'Windows 10 22H2 (19045) or newer is needed.') }
    return (Holds "Windows build $build")
}

function Test-SharedMemory {
    $found = @(Get-Devices 'PCI\VEN_1AF4&DEV_1110')
    if ($found.Count -eq 1) { return (Holds $found[0].InstanceId) }
    return (Needs-Person "$($found.Count) ivshmem devices" 'The VM needs exactly one: on the host, optimux define, then start it anew.')
}

function Test-GpuPresent {
    foreach ($gpu in $Plan.gpu) {
        $found = @(Get-Devices "PCI\VEN_$($gpu.vendor)&DEV_$($gpu.device)")
        if ($found.Count -eq 0) { return (Needs-Person "no $($gpu.vendor):$($gpu.device)" $Plan.words.absent) }
        if ($found[0].InstanceId -match 'SUBSYS_00000000') {
            return (Needs-Person "$($found[0].InstanceId): the subsystem ids are zero" $Plan.words.subsystem)
        }
    }
    return (Holds "$(@($Plan.gpu).Count) functions of the card")
}

function Test-Virtio {
    $agent = Get-Service -Name 'QEMU-GA' -ErrorAction SilentlyContinue
    if ($null -eq $agent) { return (Lacks 'no guest agent' 'Attach virtio-win.iso as a CD, and run the setup again.') }
    foreach ($device in (Get-Devices 'PCI\VEN_1AF4')) {
        # The shared memory has a step of its own, and comes with Looking Glass.
        if ($device.InstanceId -like 'PCI\VEN_1AF4&DEV_1110*') { continue }
        $code = Get-ProblemCode $device
        if ($code -ne 0) { return (Lacks "$($device.InstanceId): code $code" 'Attach virtio-win.iso as a CD, and run the setup again.') }
    }
    return (Holds 'virtio drivers and the guest agent')
}

function Install-Virtio {
    $drive = Find-Volume 'virtio-win*'
    if ($drive -eq '') { return (Needs-Person 'no drive with virtio-win' 'Attach virtio-win.iso as a CD (windows.virtioWin), and run the setup again.') }
    $outcome = Confirm-Exit 'virtio-win-gt-x64.msi' (Invoke-Program 'msiexec.exe' @('/i', "`"$($drive)virtio-win-gt-x64.msi`"", '/qn', '/norestart'))
    $agent = Confirm-Exit 'qemu-ga-x86_64.msi' (Invoke-Program 'msiexec.exe' @('/i', "`"$($drive)guest-agent\qemu-ga-x86_64.msi`"", '/qn', '/norestart'))
    if ($outcome.kind -eq 'restart') { return $outcome }
    return $agent
}

function Test-Settings {
    foreach ($file in @($Plan.settings)) {
        $target = [Environment]::ExpandEnvironmentVariables($file.target)
        if (-not (Test-Path -LiteralPath $target)) { return (Lacks "$target is missing" '') }
        if ((Get-Sha256 $target) -ne $file.sha256) { return (Lacks "$target differs" '') }
    }
    foreach ($value in @($Plan.registry)) {
        $key = Get-Item -LiteralPath ('Registry::' + $value.key) -ErrorAction SilentlyContinue
        if ($null -eq $key) { return (Lacks "$($value.key) is missing" '') }
        $now = @($key.GetValue($value.name, @())) -join "`n"
        if ($now -ne (@($value.data) -join "`n")) { return (Lacks "$($value.name) differs" '') }
    }
    return (Holds "$(@($Plan.settings).Count) files, $(@($Plan.registry).Count) values")
}

function Install-Settings {
    foreach ($file in @($Plan.settings)) {
        $target = [Environment]::ExpandEnvironmentVariables($file.target)
        New-Item -ItemType Directory -Force -Path (Split-Path -Parent $target) | Out-Null
        if ((Test-Path -LiteralPath $target) -and -not (Test-Path -LiteralPath ($target + '.before-optimux'))) {
            Copy-Item -LiteralPath $target -Destination ($target + '.before-optimux')
        }
        Copy-Item -Force -LiteralPath (Join-Path $Here $file.file) -Destination $target
    }
    foreach ($value in @($Plan.registry)) {
        $path = 'Registry::' + $value.key
        if (-not (Test-Path -LiteralPath $path)) { New-Item -Force -Path $path | Out-Null }
        $data = $value.data
        if ($value.type -eq 'MultiString') { $data = [string[]]@($value.data) } else { $data = [string]@($value.data)[0] }
        New-ItemProperty -Force -LiteralPath $path -Name $value.name -PropertyType $value.type -Value $data | Out-Null
    }
    return (Holds 'settings written')
}

function Test-GpuDriver {
    foreach ($gpu in @($Plan.gpu | Where-Object { $_.display })) {
        foreach ($device in (Get-Devices "PCI\VEN_$($gpu.vendor)&DEV_$($gpu.device)")) {
            $code = Get-ProblemCode $device
            if ($code -eq 0) { continue }
            $words = $Plan.words.problems.PSObject.Properties["$code"]
            $next = if ($null -ne $words) { $words.Value } else { $Plan.words.problem }
            # Without a driver, or with one that wants a restart, the setup can go on by itself; else a person must look.
            if ($code -eq 28 -or $code -eq 1) { return (Lacks "$($device.FriendlyName): code $code" $next) }
            if ($code -eq 14) { return (Wants-Restart "$($device.FriendlyName): code 14") }
            return (Needs-Person "$($device.FriendlyName): code $code" $next)
        }
    }
    return (Test-DriverVersion)
}

# Releases of a vendor's driver that are known not to work beside a virtual display.
function Test-DriverVersion {
    foreach ($gpu in @($Plan.gpu | Where-Object { $_.display })) {
        foreach ($device in (Get-Devices "PCI\VEN_$($gpu.vendor)&DEV_$($gpu.device)")) {
            $version = (Get-PnpDeviceProperty -InstanceId $device.InstanceId -KeyName 'DEVPKEY_Device_DriverVersion').Data
            foreach ($bad in @($Plan.badDrivers)) {
                if ($bad.version -eq $version) { return (Needs-Person "driver $version" $bad.next) }
            }
        }
    }
    return (Holds 'the display driver works (code 0)')
}

function Install-GpuDriver {
    $folder = ''
    foreach ($candidate in @($Payload, (Join-Path $Here 'payload'))) {
        if ($candidate -ne '' -and (Test-Path -LiteralPath (Join-Path $candidate 'gpu-driver'))) { $folder = Join-Path $candidate 'gpu-driver' }
    }
    if ($folder -ne '') {
        return (Confirm-Exit 'pnputil' (Invoke-Program 'pnputil.exe' @('/add-driver', "`"$folder\*.inf`"", '/subdirs', '/install')))
    }
    return (Install-FromWindowsUpdate)
}

# Only drivers for the planned card; Windows checks their signatures itself.
function Install-FromWindowsUpdate {
    $session = New-Object -ComObject Microsoft.Update.Session
    $result = $session.CreateUpdateSearcher().Search("IsInstalled=0 and Type='Driver'")
    $wanted = New-Object -ComObject Microsoft.Update.UpdateColl
    foreach ($update in $result.Updates) {
        foreach ($gpu in $Plan.gpu) {
            if ($update.DriverHardwareID -match "VEN_$($gpu.vendor)&DEV_$($gpu.device)") { $null = $wanted.Add($update); break }
        }
    }
    if ($wanted.Count -eq 0) { return (Needs-Person 'Windows Update has no driver for the card' $Plan.words.vendorDriver) }
    $downloader = $session.CreateUpdateDownloader()
    $downloader.Updates = $wanted
    $null = $downloader.Download()
    $installer = $session.CreateUpdateInstaller()
    $installer.Updates = $wanted
    $installed = $installer.Install()
    if ($installed.RebootRequired) { return (Wants-Restart 'the display driver asks for a restart') }
    if ($installed.ResultCode -ne 2) { throw "Windows Update ended with $($installed.ResultCode)" }
    return (Holds 'the driver of Windows Update')
}

function Test-VirtualDisplay {
    $found = @(Get-PnpDevice -PresentOnly -Class Display | Where-Object {
        (Get-PnpDeviceProperty -InstanceId $_.InstanceId -KeyName 'DEVPKEY_Device_HardwareIds').Data -contains 'Root\MttVDD'
    })
    if ($found.Count -eq 0) { return (Lacks 'no virtual display' '') }
    if ($found.Count -gt 1) { return (Needs-Person "$($found.Count) virtual displays" 'Remove all but one in Device Manager.') }
    $code = Get-ProblemCode $found[0]
    if ($code -eq 0) { return (Holds 'one virtual display') }
    if ($code -eq 52) { return (Needs-Person 'virtual display: code 52' $Plan.words.problems.'52') }
    return (Lacks "virtual display: code $code" 'Restart Windows; else remove the device and run the setup again.')
}

function Install-VirtualDisplay {
    $driver = Get-Verified 'virtual-display-driver.zip'
    if ($driver -eq '') { return (Missing-File 'virtual-display-driver.zip') }
    $nefcon = Get-Verified 'nefconw.exe'
    if ($nefcon -eq '') { return (Missing-File 'nefconw.exe') }
    $folder = Join-Path $StateFolder 'virtual-display-driver'
    if (Test-Path -LiteralPath $folder) { Remove-Item -Recurse -Force -LiteralPath $folder }
    Expand-Archive -LiteralPath $driver -DestinationPath $folder
    $inf = Get-ChildItem -Recurse -LiteralPath $folder -Filter 'MttVDD.inf' | Select-Object -First 1
    $catalog = Get-ChildItem -Recurse -LiteralPath $folder -Filter 'mttvdd.cat' | Select-Object -First 1
    if ($null -eq $inf -or $null -eq $catalog) { throw 'virtual-display-driver.zip has no MttVDD.inf beside mttvdd.cat' }
    Add-Publisher $catalog.FullName
    $class = '4d36e968-e325-11ce-bfc1-08002be10318'
    $null = Confirm-Exit 'nefcon, device' (Invoke-Program $nefcon @('--create-device-node', '--hardware-id', 'Root\MttVDD', '--class-name', 'Display', '--class-guid', $class, '--no-duplicates'))
    return (Confirm-Exit 'nefcon, driver' (Invoke-Program $nefcon @('--install-driver', '--inf-path', "`"$($inf.FullName)`"")))
}

# Import-Certificate fails for SYSTEM, which the guest agent is; the store's own interface does not.
function Add-Publisher([string]$Catalog) {
    $certificate = (Get-AuthenticodeSignature -LiteralPath $Catalog).SignerCertificate
    if ($null -eq $certificate) { throw "$Catalog is not signed" }
    $store = New-Object Security.Cryptography.X509Certificates.X509Store('TrustedPublisher', 'LocalMachine')
    $store.Open([Security.Cryptography.X509Certificates.OpenFlags]::ReadWrite)
    try { $store.Add($certificate) } finally { $store.Close() }
}

# A running service proves nothing: the log names the release that runs.
function Test-LookingGlassHost {
    $service = Get-Service -Name $HostService -ErrorAction SilentlyContinue
    if ($null -eq $service) { return (Lacks 'no host application' '') }
    if ($service.StartType -eq 'Disabled') { return (Lacks 'the host service is disabled' '') }
    if ($service.Status -ne 'Running') { return (Lacks "the host service is $($service.Status)" 'Restart Windows.') }
    $log = Read-HostLog
    if ($log -ne '' -and $log -notmatch [regex]::Escape("($($Plan.releaseName)")) {
        return (Needs-Person 'the host application is of another release' "Install $($Plan.releaseName): host and client must be of one release.")
    }
    return (Holds 'the host service runs')
}

function Install-LookingGlassHost {
    $installer = Get-Verified 'looking-glass-host-setup.exe'
    if ($installer -eq '') { return (Missing-File 'looking-glass-host-setup.exe') }
    return (Confirm-Exit 'looking-glass-host-setup.exe' (Invoke-Program $installer @('/S', '/driver')))
}

function Read-HostLog {
    if (-not (Test-Path -LiteralPath $HostLog)) { return '' }
    $stream = New-Object IO.FileStream($HostLog, 'Open', 'Read', 'ReadWrite')
    try { return (New-Object IO.StreamReader($stream)).ReadToEnd() } finally { $stream.Dispose() }
}

function Test-IddDriver {
    $found = @(Get-PnpDevice -PresentOnly | Where-Object {
        (Get-PnpDeviceProperty -InstanceId $_.InstanceId -KeyName 'DEVPKEY_Device_HardwareIds').Data -contains 'Root\LGIdd'
    })
    if ($found.Count -eq 0) { return (Lacks 'no display driver of Looking Glass' '') }
    $code = Get-ProblemCode $found[0]
    if ($code -eq 0) { return (Holds 'the display driver of Looking Glass works') }
    if ($code -eq 14) { return (Wants-Restart 'the display driver of Looking Glass: code 14') }
    return (Lacks "the display driver of Looking Glass: code $code" 'Restart Windows, and run the setup again.')
}

function Install-IddDriver {
    $installer = Get-Verified 'looking-glass-idd-setup.exe'
    if ($installer -eq '') { return (Missing-File 'looking-glass-idd-setup.exe') }
    $outcome = Confirm-Exit 'looking-glass-idd-setup.exe' (Invoke-Program $installer @('/S', '/ivshmem'))
    if ($outcome.kind -eq 'holds') { return (Wants-Restart 'the display driver of Looking Glass is installed') }
    return $outcome
}

# Both releases at once would fight for the shared memory.
function Test-OldHostOff {
    $service = Get-Service -Name $HostService -ErrorAction SilentlyContinue
    if ($null -eq $service) { return (Holds 'no host application of an older release') }
    if ($service.StartType -eq 'Disabled' -and $service.Status -eq 'Stopped') { return (Holds 'the older host service is off') }
    return (Lacks 'the older host service is on' '')
}

function Disable-OldHost {
    Set-Service -Name $HostService -StartupType Disabled
    Stop-Service -Force -Name $HostService
    return (Holds 'the older host service is off')
}

function Test-IvshmemDriver {
    foreach ($device in (Get-Devices 'PCI\VEN_1AF4&DEV_1110')) {
        $code = Get-ProblemCode $device
        if ($code -ne 0) { return (Needs-Person "ivshmem: code $code" 'Install the ivshmem driver again: run the setup of Looking Glass once more.') }
    }
    return (Holds 'the driver of the shared memory')
}

# Only what was logged since this boot counts.
function Test-Capture {
    if (-not (Test-Path -LiteralPath $HostLog)) { return (Lacks 'no log of the host application' '') }
    $boot = [DateTime]::Parse((Get-BootTime), $null, 'RoundtripKind')
    if ((Get-Item -LiteralPath $HostLog).LastWriteTimeUtc -lt $boot) { return (Lacks 'the log is of an earlier boot' '') }
    $log = Read-HostLog
    if ($log -notmatch 'Capture Start') { return (Lacks 'nothing was captured yet' '') }
    return (Holds 'the picture is captured')
}

# Displays belong to the user's session; the agent's session has none.
function Set-Topology {
    $user = (Get-CimInstance -ClassName Win32_ComputerSystem).UserName
    if (-not $user) { return (Needs-Person 'nobody is logged in' 'Log in, and run the setup again: displays belong to a session.') }
    $action = New-ScheduledTaskAction -Execute 'DisplaySwitch.exe' -Argument '/external'
    $principal = New-ScheduledTaskPrincipal -UserId $user -LogonType Interactive
    Register-ScheduledTask -Force -TaskName 'Optimux display' -Action $action -Principal $principal | Out-Null
    try {
        Start-ScheduledTask -TaskName 'Optimux display'
        foreach ($try in 1..30) {
            Start-Sleep -Seconds 2
            if ((Test-Capture).kind -eq 'holds') { break }
        }
    } finally { Unregister-ScheduledTask -TaskName 'Optimux display' -Confirm:$false }
    if ((Test-Capture).kind -eq 'holds') { return (Holds 'the desktop is on the new display') }
    return (Needs-Person 'nothing is captured' 'In Settings, System, Display, show the desktop only on the new display.')
}

function Test-EmulatedDisplayOff {
    foreach ($device in @(Get-Devices 'PCI\VEN_1234&DEV_1111')) {
        if ((Get-ProblemCode $device) -ne 22) { return (Lacks 'the emulated display is on' '') }
    }
    return (Holds 'the emulated display is off')
}

# Without a picture nobody could undo it, so a task that undoes it is there first.
function Disable-EmulatedDisplay {
    if ((Test-Capture).kind -ne 'holds') { return (Needs-Person 'no capture is proven' 'Let Looking Glass show a picture first.') }
    Register-Rollback
    if ($null -eq (Get-ScheduledTask -TaskName $RollbackTask -ErrorAction SilentlyContinue)) { throw 'the task that undoes it could not be registered' }
    foreach ($device in (Get-Devices 'PCI\VEN_1234&DEV_1111')) { Disable-PnpDevice -Confirm:$false -InstanceId $device.InstanceId }
    return (Holds 'the emulated display is off')
}

function Register-Rollback {
    $lines = @(
        'Start-Sleep -Seconds 300',
        ('$log = ''' + $HostLog.Replace("'", "''") + ''''),
        '$boot = (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime',
        '$fresh = (Test-Path -LiteralPath $log) -and (Get-Item -LiteralPath $log).LastWriteTime -ge $boot',
        'if ($fresh -and (Select-String -Quiet -LiteralPath $log -Pattern ''Capture Start'')) { exit 0 }',
        'Get-PnpDevice | Where-Object { $_.InstanceId -like ''PCI\VEN_1234&DEV_1111*'' } | Enable-PnpDevice -Confirm:$false'
    )
    $script = Join-Path $StateFolder 'display-back.ps1'
    Write-Whole $script ($lines -join "`r`n")
    $arguments = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$script`""
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument $arguments
    $principal = New-ScheduledTaskPrincipal -UserId 'SYSTEM' -RunLevel Highest
    Register-ScheduledTask -Force -TaskName $RollbackTask -Action $action -Principal $principal -Trigger (New-ScheduledTaskTrigger -AtStartup) | Out-Null
}

# ------------------------------------------------------------------------------------------------------ the walk

function Add-Row($Step, $Outcome) {
    $row = New-Object PSObject -Property @{ step = $Step.name; outcome = $Outcome.kind; found = $Outcome.found; next = $Outcome.next }
    $null = $Rows.Add($row)
    Write-Host ("{0,-22} {1,-8} {2}" -f $Step.name, $Outcome.kind, $Outcome.found)
    if ($Outcome.next) { Write-Host ("{0,-22} {1,-8} {2}" -f '', '', $Outcome.next) }
    # Whoever waits outside reads how far it is; -1 is no end.
    if (-not $TestOnly) { Write-Whole $ReportFile (Format-Report -1) }
}

# One step: 'holds', 'restart', 'person' or 'failed'.
function Invoke-Step($Step, $State, [string]$Boot) {
    try {
        $before = & $Step.test
        if ($before.kind -ne 'lacks' -or $TestOnly) { return $before }
        if (-not $Step.act) { return (Needs-Person $before.found $before.next) }
        # What was done in an earlier boot and still does not hold is not done for ever.
        if ($State.acted.ContainsKey($Step.name) -and $State.acted[$Step.name] -ne $Boot) {
            $again = "$($Step.name).again"
            if ($State.acted.ContainsKey($again)) { return (New-Outcome 'failed' $before.found 'It was done twice, with a restart between, and does not hold.') }
            $State.acted[$again] = $Boot
        }
        $State.acted[$Step.name] = $Boot
        Save-State $State
        $done = & $Step.act
        if ($done.kind -ne 'holds') { return $done }
        $after = & $Step.test
        if ($after.kind -eq 'lacks') { return (New-Outcome 'failed' $after.found $after.next) }
        return $after
    } catch {
        return (New-Outcome 'failed' $_.Exception.Message 'See setup.log in ProgramData\Optimux.')
    }
}

function New-Report([int]$Code) {
    New-Object PSObject -Property @{
        format = 1; vm = $Plan.vm; release = $Plan.release; exit = $Code; boot = $boot; run = $Run; devices = @(Get-DeviceRows); steps = @($Rows)
    }
}

# What the agent hands on comes in an OEM code page: ASCII passes through every one.
function Format-Report([int]$Code) {
    $text = ConvertTo-Json -InputObject (New-Report $Code) -Depth 5
    return [regex]::Replace($text, '[^\x00-\x7e]', { param($match) '\u{0:x4}' -f [int][char]$match.Value })
}

function Write-Report([int]$Code) {
    $text = Format-Report $Code
    Write-Whole $ReportFile $text
    if ($Json) { [Console]::Out.Write($text) }
}

function Get-DeviceRows {
    foreach ($prefix in @('PCI\VEN_1AF4&DEV_1110', 'PCI\VEN_1234&DEV_1111') + @($Plan.gpu | ForEach-Object { "PCI\VEN_$($_.vendor)&DEV_$($_.device)" })) {
        $found = @(Get-Devices $prefix)
        if ($found.Count -eq 0) { New-Object PSObject -Property @{ id = $prefix; name = ''; code = -1 } }
        foreach ($device in $found) {
            New-Object PSObject -Property @{ id = $device.InstanceId; name = [string]$device.FriendlyName; code = (Get-ProblemCode $device) }
        }
    }
}

New-Item -ItemType Directory -Force -Path $StateFolder | Out-Null
# Two runs at once would install over each other.
$Lock = New-Object Threading.Mutex($false, 'Global\OptimuxSetup')
try { $free = $Lock.WaitOne(0) } catch [Threading.AbandonedMutexException] { $free = $true }
if (-not $free) { Write-Host 'The setup runs already.'; exit 1 }
if (-not $TestOnly) { Start-Transcript -Append -Path (Join-Path $StateFolder 'setup.log') | Out-Null }
$exit = 0
try {
    $Plan = [IO.File]::ReadAllText($PlanFile) | ConvertFrom-Json
    if ($Plan.format -ne 1) { throw "plan.json of format $($Plan.format): this setup reads format 1" }
    $state = Read-State (Get-Sha256 $PlanFile)
    $boot = Get-BootTime
    foreach ($step in $Plan.steps) {
        $outcome = Invoke-Step $step $state $boot
        Add-Row $step $outcome
        if ($outcome.kind -eq 'holds') { continue }
        if ($TestOnly) { $exit = 2; continue }
        $exit = @{ restart = 3010; person = 2; lacks = 2; failed = 1 }[$outcome.kind]
        break
    }
    $state.boot = $boot
    if (-not $TestOnly) { Save-State $state }
    Write-Report $exit
} catch {
    Write-Host $_.Exception.Message
    $exit = 1
} finally {
    if (-not $TestOnly) { try { Stop-Transcript | Out-Null } catch { Write-Verbose 'no transcript' } }
    $Lock.ReleaseMutex()
}
exit $exit
